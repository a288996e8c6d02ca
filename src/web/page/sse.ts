/** One server-sent event. */
export interface ServerEvent {
  type: string;
  data: string;
}

/**
 * Takes the text of an event stream apart as it comes (HTML standard, section 9.2.6). EventSource would do it, but it
 * cannot send an Authorization header.
 */
export class EventParser {
  #rest = '';
  #type = '';
  #data: string[] = [];

  /** @returns the events that are complete */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0)
          events.push({ type: this.#type || 'message', data: this.#data.join('\n') });
        this.#type = '';
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') this.#type = value;
      else if (field === 'data') this.#data.push(value);
    }
    return events;
  }
}
