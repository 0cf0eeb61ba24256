/* Modems that cost next to nothing: lean COUNT AIR_S SPREAD LOG

   Written from TS 27.005 and 27.007, with nothing of hw-sim. Prints the terminals, one a line, then
   serves them until SIGTERM. Each message is a line of LOG: modem, when AT+CMGS, Ctrl-Z and the
   answer were there (seconds of CLOCK_MONOTONIC), and commands so far. Where a report was asked for
   (TP-SRR) and AT+CNMI routes it, +CDS follows. */

#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MODEMS = 256, LINE = 2048, REPORTS = 256, SRR = 0x20 };
static const double REPORT_S = 0.3, LOOK_S = 0.1;

typedef struct { double due; int mr; char to[40]; } Report;

typedef struct {
    int fd, number, echo, at_prompt, on_air, mr, srr, direct_reports, commands, length, reports;
    double air_s, asked, ctrl_z, due;
    char line[LINE], pdu[LINE], to[40];
    int pdu_length;
    Report report[REPORTS];
} Modem;

static Modem modems[MODEMS];
static FILE *record;
static volatile sig_atomic_t over;

/* Answered with these lines and OK; "" is OK alone. What begins like an entry that ends in '=' has
   that answer too. */
static const char *const ANSWERS[][2] = {
    {"", ""}, {"E0", ""}, {"E1", ""}, {"+CMEE=", ""}, {"+CMGF=", ""}, {"+CREG=", ""}, {"+CSCA=", ""},
    {"+CFUN=", ""}, {"+CNMA", ""}, {"+CMMS=", ""}, {"+CMGD=", ""}, {"+CMGL=", ""}, {"+CNUM", ""},
    {"+CPIN?", "+CPIN: READY"}, {"+CGMI", "lean"}, {"+CGMM", "lean"}, {"+CGMR", "1"},
    {"+CREG?", "+CREG: 1,1"}, {"+CSQ", "+CSQ: 20,0"}, {"+COPS?", "+COPS: 0,0,\"lean\""},
    {"+CMEE?", "+CMEE: 1"}, {"+CFUN?", "+CFUN: 1"}, {"+CSMS?", "+CSMS: 0,1,1,1"},
    {"+CSMS=", "+CSMS: 1,1,1"}, {"+CPMS?", "+CPMS: \"SM\",0,50,\"SM\",0,50,\"SM\",0,50"},
    {"+CPMS=?", "+CPMS: (\"SM\"),(\"SM\"),(\"SM\")"}, {"+CPMS=", "+CPMS: 0,50,0,50,0,50"},
    {"+CNMI=?", "+CNMI: (0-2),(0-3),(0),(0,1),(0,1)"}, {"+CNMI=", ""},
    {"+CSCA?", "+CSCA: \"+491710760000\",145"},
};

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec * 1e-9;
}

static void say(Modem *modem, const char *format, ...) {
    char text[LINE];
    va_list given;
    va_start(given, format);
    int length = vsnprintf(text, sizeof text, format, given);
    va_end(given);
    for (int done = 0; done < length;) {
        ssize_t taken = write(modem->fd, text + done, length - done);
        if (taken > 0) done += taken;
        else usleep(200); /* nobody reads */
    }
}

static void tell_imei(Modem *modem) {
    char imei[16];
    int sum = 0;
    snprintf(imei, sizeof imei, "3569380356%04u", (modem->number + 1000u) % 10000);
    for (int at = 0; at < 14; at++) {
        int digit = imei[at] - '0';
        if (at % 2) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
        sum += digit;
    }
    say(modem, "\r\n%s%d\r\n\r\nOK\r\n", imei, (10 - sum % 10) % 10);
}

static void command(Modem *modem, char *text) {
    for (char *at = text; *at; at++) *at = toupper((unsigned char)*at);
    if (strncmp(text, "AT", 2)) {
        if (*text) say(modem, "\r\nERROR\r\n");
        return;
    }
    modem->commands++;
    text += 2;
    if (!strncmp(text, "+CMGS=", 6)) {
        modem->asked = now();
        modem->at_prompt = 1;
        modem->pdu_length = 0;
        say(modem, "\r\n> ");
        return;
    }
    if (!strcmp(text, "+CGSN")) { tell_imei(modem); return; }
    if (!strcmp(text, "+CIMI")) { say(modem, "\r\n26201%010d\r\n\r\nOK\r\n", modem->number); return; }
    if (!strcmp(text, "+CCID")) { say(modem, "\r\n+CCID: 894902%012d\r\n\r\nOK\r\n", modem->number); return; }
    if (!strcmp(text, "+CNMI?")) {
        say(modem, "\r\n+CNMI: 2,1,0,%d,0\r\n\r\nOK\r\n", modem->direct_reports);
        return;
    }
    if (text[0] == 'E') modem->echo = text[1] == '1';
    sscanf(text, "+CNMI=%*d,%*d,%*d,%d", &modem->direct_reports);
    for (size_t at = 0; at < sizeof ANSWERS / sizeof *ANSWERS; at++) {
        const char *name = ANSWERS[at][0], *answer = ANSWERS[at][1];
        size_t length = strlen(name);
        int sets = length && name[length - 1] == '=';
        if (sets ? strncmp(text, name, length) : strcmp(text, name)) continue;
        if (*answer) say(modem, "\r\n%s\r\n", answer);
        say(modem, "\r\nOK\r\n");
        return;
    }
    say(modem, "\r\nERROR\r\n");
}

static int octet(const char *pdu, int at) {
    int value = 0;
    sscanf(pdu + 2 * at, "%2x", (unsigned *)&value);
    return value;
}

static void submitted(Modem *modem) { /* TS 23.040 9.2.2.2, behind the SMSC address */
    int first = 1 + octet(modem->pdu, 0), digits = octet(modem->pdu, first + 2);
    int octets = 2 + (digits + 1) / 2;
    modem->srr = octet(modem->pdu, first) & SRR;
    snprintf(modem->to, sizeof modem->to, "%.*s", 2 * octets, modem->pdu + 2 * (first + 2));
    modem->at_prompt = 0;
    modem->on_air = 1;
    modem->ctrl_z = now();
    modem->due = modem->ctrl_z + modem->air_s;
}

static void typed(Modem *modem, char octet) {
    if (modem->at_prompt) {
        modem->pdu[modem->pdu_length] = 0;
        if (octet == 0x1a) submitted(modem);
        else if (octet == 0x1b) { modem->at_prompt = 0; say(modem, "\r\nOK\r\n"); }
        else if (isxdigit((unsigned char)octet) && modem->pdu_length < LINE - 1)
            modem->pdu[modem->pdu_length++] = octet;
    } else if (modem->on_air) {
        return; /* deaf */
    } else if (octet == '\r') {
        modem->line[modem->length] = 0;
        modem->length = 0;
        command(modem, modem->line);
    } else if (octet != '\n' && modem->length < LINE - 1) {
        modem->line[modem->length++] = octet;
    }
}

static void hear(Modem *modem) {
    char octets[LINE];
    ssize_t count = read(modem->fd, octets, sizeof octets);
    for (ssize_t at = 0; at < count; at++) {
        if (modem->echo) say(modem, "%c", octets[at]);
        typed(modem, octets[at]);
    }
}

static void answer(Modem *modem) {
    modem->on_air = 0;
    modem->mr = (modem->mr + 1) % 256;
    say(modem, "\r\n+CMGS: %d\r\n\r\nOK\r\n", modem->mr);
    double answered = now();
    fprintf(record, "%d %.6f %.6f %.6f %d\n", modem->number, modem->asked, modem->ctrl_z, answered,
            modem->commands);
    if (!modem->srr || modem->direct_reports != 1 || modem->reports == REPORTS) return;
    Report *report = &modem->report[modem->reports++];
    report->due = answered + REPORT_S;
    report->mr = modem->mr;
    strcpy(report->to, modem->to);
}

static void deliver(Modem *modem) { /* the first of its reports, delivered: TS 23.040 9.2.2.3 */
    char pdu[160];
    Report *first = modem->report;
    snprintf(pdu, sizeof pdu, "0006%02X%s621103215100006211032151000000", first->mr, first->to);
    say(modem, "\r\n+CDS: %d\r\n%s\r\n", (int)(strlen(pdu) - 2) / 2, pdu);
    memmove(first, first + 1, --modem->reports * sizeof *first);
}

static double serve(Modem *modem, double at, double next) {
    if (modem->on_air && at >= modem->due) answer(modem);
    if (modem->on_air && modem->due < next) next = modem->due;
    if (modem->at_prompt || !modem->reports) return next;
    if (at >= modem->report->due) deliver(modem);
    if (modem->reports && modem->report->due < next) next = modem->report->due;
    return next;
}

static void stop(int signal) { (void)signal; over = 1; }

int main(int count, char **given) {
    if (count != 5) return 2;
    int many = atoi(given[1]);
    double air_s = atof(given[2]), spread = atof(given[3]);
    struct pollfd waits[MODEMS];
    struct termios raw;
    if (many > MODEMS || !(record = fopen(given[4], "w"))) return 2;
    setlinebuf(record);
    signal(SIGTERM, stop);
    signal(SIGINT, SIG_IGN);
    for (int at = 0; at < many; at++) {
        Modem *modem = &modems[at];
        char name[100];
        int theirs;
        if (openpty(&modem->fd, &theirs, name, NULL, NULL)) return 1;
        tcgetattr(theirs, &raw);
        cfmakeraw(&raw);
        tcsetattr(theirs, TCSANOW, &raw);
        fcntl(modem->fd, F_SETFL, O_NONBLOCK);
        modem->number = at;
        modem->echo = 1;
        modem->air_s = air_s * (1 + spread * (at - (many - 1) / 2.0));
        waits[at] = (struct pollfd){.fd = modem->fd, .events = POLLIN};
        puts(name);
    }
    fflush(stdout);
    while (!over) {
        double at = now(), next = at + LOOK_S;
        for (int each = 0; each < many; each++) next = serve(&modems[each], at, next);
        double left_s = next - now();
        struct timespec wait = {0, left_s > 0 ? left_s * 1e9 : 0};
        if (ppoll(waits, many, &wait, NULL) <= 0) continue;
        for (int each = 0; each < many; each++)
            if (waits[each].revents & POLLIN) hear(&modems[each]);
    }
    return fclose(record);
}
