export const routes = { "/health": "ok", "/": "hello" };
