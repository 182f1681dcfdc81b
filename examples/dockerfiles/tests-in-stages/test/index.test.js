import "../lib/index.js";
