// Nothing is asked of any other host, and a key that is typed in is forgotten with the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  syntaxHighlight: { theme: "idea" },
  validatorUrl: null,
});
