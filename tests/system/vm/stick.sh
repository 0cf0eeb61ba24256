# A Quectel EC25 at the kernel's dummy USB controller: four ports, the third one for AT commands.
set -e
modprobe dummy_hcd
modprobe libcomposite
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir /sys/kernel/config/usb_gadget/stick
cd /sys/kernel/config/usb_gadget/stick
echo 0x2c7c > idVendor
echo 0x0125 > idProduct
mkdir strings/0x409 configs/c.1
echo Quectel > strings/0x409/manufacturer
echo EC25-E > strings/0x409/product
for n in 0 1 2 3; do
    mkdir functions/gser.$n
    ln -s functions/gser.$n configs/c.1/
done
systemd-run -q --unit=pump python3 /root/pump.py /dev/virtio-ports/stick /dev/ttyGS2
ls /sys/class/udc > UDC
