/** Return a variable that the Python test sets; these tests cannot run, and must not pass, without it. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: these tests are started by tests/store/test_typescript.py`);
  }
  return value;
}
