/** Why a server could not be read. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  /** The status that the server has answered with; 0: it has not. */
  readonly status: number
  /** The server's word for the reason ("unauthenticated", "unknown_category"), where it gives one. */
  readonly reason: string | null
  /** When the server wants to be asked again, in milliseconds from then; 0: it does not say. */
  readonly retryAfter: number

  constructor(message: string, status = 0, reason: string | null = null, retryAfter = 0) {
    super(message)
    this.status = status
    this.reason = reason
    this.retryAfter = retryAfter
  }
}
