namespace StreamRnn.Ingest;

/// <summary>
/// Turns a topic and a path inside its payload into a dense stream id, so that nothing downstream hashes or compares names. Ids count
/// from 0 and are never reused. Safe for any number of threads; a look-up of a known name allocates nothing and takes no lock.
/// </summary>
public sealed class StreamDirectory
{
    /// <param name="limit">Streams in all; a further name is refused with <see cref="TickFault.StreamLimit"/>.</param>
    public StreamDirectory(int limit) => Limit = limit;

    public int Limit { get; }

    public int Count => throw new NotSupportedException();

    /// <summary>Finds the stream of a topic and a path, or adds it.</summary>
    /// <param name="topic">UTF-8.</param>
    /// <param name="path">UTF-8, already percent-encoded, steps joined by '.'; empty where the stream is the topic itself.</param>
    public TickFault TryGet(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> path, out int stream) => throw new NotSupportedException();

    /// <summary>The stream's name, <c>topic</c> or <c>topic:path</c>, UTF-8.</summary>
    public ReadOnlySpan<byte> Utf8Name(int stream) => throw new NotSupportedException();

    /// <summary>The stream's name as text.</summary>
    public string Name(int stream) => throw new NotSupportedException();
}
