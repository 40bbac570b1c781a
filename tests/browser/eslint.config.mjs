// Run from the root of the repository: npm --prefix tests/browser run lint
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "no-shadow": "error" },
  },
  { files: ["protolabel/browser/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/browser/*.mjs"], languageOptions: { globals: globals.node } },
];
