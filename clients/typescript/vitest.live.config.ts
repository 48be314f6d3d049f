import { defineConfig } from "vitest/config";

// Against a real server: started by tests/store/test_typescript.py, which says where it is.
export default defineConfig({ test: { include: ["live/**/*.test.ts"], testTimeout: 120_000 } });
