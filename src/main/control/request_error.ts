// A control request that is refused: its code and message are the answer.

export class RequestError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalid(what: string): RequestError {
  return new RequestError("ERR_PARAMS", `${what} is missing or not valid`);
}
