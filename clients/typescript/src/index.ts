export { candidates, DEEPEST, depthOf, LONGEST_ID, type Card } from "./ids.js";
export { PASSWORD_VARIABLE, type Options, type Tls } from "./options.js";
export { PromptReader } from "./reader.js";
export {
  promptOr,
  ReadError,
  type Diagnosis,
  type DiagnosisResult,
  type Missing,
  type Prompt,
  type PromptResult,
  type Unavailable,
} from "./result.js";
