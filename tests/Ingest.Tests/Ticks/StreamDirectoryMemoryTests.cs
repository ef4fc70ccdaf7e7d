using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

/// <summary>Tests that measure the whole process, and so run while no other test does.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public class StreamDirectoryMemoryTests
{
    [Fact]
    public void Memory_is_the_names_and_at_most_38_bytes_a_stream()
    {
        const int Streams = 100_000;
        long nameBytes = 0;
        byte[][] topics = [.. Enumerable.Range(0, Streams).Select(i => Encoding.UTF8.GetBytes($"site/device-{i:D6}/temperature"))];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var directory = new StreamDirectory(Streams);
        foreach (byte[] topic in topics)
        {
            Assert.Equal(TickFault.None, directory.TryGet(topic, default, out _));
            nameBytes += topic.Length;
        }
        double perStream = (GC.GetTotalMemory(forceFullCollection: true) - before - nameBytes) / (double)Streams;
        GC.KeepAlive(directory);
        GC.KeepAlive(topics);
        Assert.InRange(perStream, 0, 38);
    }
}
