// On the older kernel of `npm run test:vm`, which has no `lowerdir+`.
import "./one-text.root.test.ts";
