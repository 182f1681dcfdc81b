import { createServer } from "node:http";
import { page } from "./page.js";

const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  response.end(page());
});

server.listen(8080, () => console.log("listening on port 8080"));

// PID 1 gets only the signals that it handles: without this, stopping would take until SIGKILL.
process.on("SIGTERM", () => {
  console.log("stopping");
  server.close();
  server.closeAllConnections();
});
