import { ConnectError } from './error.js'

/** What is wrong with an answer; `null` if it is an event stream. */
export async function problem(response: Response): Promise<ConnectError | null> {
  const { status, headers, url } = response
  const isStream = /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')
  if (status === 200 && isStream && response.body !== null) return null
  const seconds = Number(headers.get('retry-after') ?? 0)
  const { reason, detail } = await told(response)
  const message = status === 200 ? `${url} is no event stream` : `${url} answers ${status}${detail === null ? '' : `: ${detail}`}`
  return new ConnectError(message, status, reason, seconds > 0 ? seconds * 1_000 : 0)
}

/** What the server says about it, if that is not long. */
async function told(response: Response): Promise<{ reason: string | null; detail: string | null }> {
  try {
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    void reader.cancel().catch(() => {})
    const { reason, detail } = JSON.parse(new TextDecoder().decode(value?.subarray(0, 4_096))) as Record<string, unknown>
    return { reason: typeof reason === 'string' ? reason : null, detail: typeof detail === 'string' ? detail : null }
  } catch {
    return { reason: null, detail: null }
  }
}
