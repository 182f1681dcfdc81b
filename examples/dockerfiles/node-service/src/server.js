import { createServer } from "node:http";
import { routes } from "./routes.js";

createServer((request, response) => response.end(routes[request.url] ?? "not found")).listen(process.env.PORT);
