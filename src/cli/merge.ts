/** What several streams yield, as it comes, until all have ended or one fails. */
export async function* merge<T>(streams: readonly AsyncIterator<T>[]): AsyncGenerator<T> {
  const next = async (stream: AsyncIterator<T>) => ({ stream, result: await stream.next() });
  const pending = new Map(streams.map((stream) => [stream, next(stream)]));
  while (pending.size > 0) {
    const { stream, result } = await Promise.race(pending.values());
    if (result.done === true) {
      pending.delete(stream);
      continue;
    }
    // To the end of the line, so that each has its turn.
    pending.delete(stream);
    pending.set(stream, next(stream));
    yield result.value;
  }
}
