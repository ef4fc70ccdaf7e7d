using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

public class StreamDirectoryTests
{
    [Fact]
    public void Ids_are_dense_from_zero_and_stay()
    {
        var directory = new StreamDirectory(100);
        Assert.Equal(0, Get(directory, "plant/a"));
        Assert.Equal(1, Get(directory, "plant/a", "temperature"));
        Assert.Equal(2, Get(directory, "plant/b"));
        Assert.Equal(1, Get(directory, "plant/a", "temperature"));
        Assert.Equal(3, directory.Count);
        Assert.Equal("plant/a:temperature", directory.Name(1));
        Assert.Equal("plant/b"u8, directory.Utf8Name(2));
        Assert.Equal("plant/a".Length, directory.TopicLength(1));
    }

    [Theory]
    [InlineData("a:b", "", "a", "b")]
    [InlineData("a", "b", "a:b", "")]
    [InlineData("a:b", "c", "a", "b:c")]
    public void A_name_belongs_to_the_pair_that_came_first(string topic, string path, string otherTopic, string otherPath)
    {
        var directory = new StreamDirectory(100);
        Assert.Equal(0, Get(directory, topic, path));
        for (int again = 0; again < 2; again++)
        {
            Assert.Equal(TickFault.StreamName, directory.TryGet(Bytes(otherTopic), Bytes(otherPath), out int stream));
            Assert.Equal(-1, stream);
        }
        Assert.Equal(0, Get(directory, topic, path));
        Assert.Equal(1, directory.Count);
    }

    [Fact]
    public void A_name_of_1024_bytes_is_taken_and_a_longer_or_empty_one_refused()
    {
        var directory = new StreamDirectory(100);
        Assert.Equal(0, Get(directory, new string('x', 1024)));
        Assert.Equal(1, Get(directory, new string('x', 1000), new string('y', 23)));
        Assert.Equal(TickFault.StreamName, directory.TryGet(Bytes(new string('x', 1025)), default, out _));
        Assert.Equal(TickFault.StreamName, directory.TryGet(Bytes(new string('x', 1000)), Bytes(new string('y', 24)), out _));
        Assert.Equal(TickFault.StreamName, directory.TryGet(default, default, out _));
    }

    [Fact]
    public void A_topic_of_128_levels_is_taken_and_a_deeper_one_refused()
    {
        var directory = new StreamDirectory(100);
        string deepest = string.Join('/', Enumerable.Repeat("x", 128));
        Assert.Equal(0, Get(directory, deepest));
        Assert.Equal(1, Get(directory, deepest, "field"));
        Assert.Equal(TickFault.StreamName, directory.TryGet(Bytes(deepest + "/"), default, out int stream));
        Assert.Equal((-1, 2), (stream, directory.Count));
    }

    [Fact]
    public void Beyond_the_limit_new_names_are_refused_and_known_ones_found()
    {
        var directory = new StreamDirectory(10);
        for (int i = 0; i < 10; i++)
            Assert.Equal(i, Get(directory, $"t/{i}"));
        for (int i = 0; i < 1000; i++)
            Assert.Equal(TickFault.StreamLimit, directory.TryGet(Bytes($"flood/{i}"), default, out _));
        Assert.Equal(10, directory.Count);
        Assert.Equal(7, Get(directory, "t/7"));
    }

    [Fact]
    public void Many_names_survive_every_growth()
    {
        var directory = new StreamDirectory(50_000);
        for (int i = 0; i < 50_000; i++)
            Assert.Equal(i, Get(directory, $"site/{i % 97}/device/{i}", i % 2 == 0 ? "" : "temperature"));
        for (int i = 0; i < 50_000; i++)
        {
            Assert.Equal(i, Get(directory, $"site/{i % 97}/device/{i}", i % 2 == 0 ? "" : "temperature"));
            Assert.Equal($"site/{i % 97}/device/{i}" + (i % 2 == 0 ? "" : ":temperature"), directory.Name(i));
        }
    }

    [Fact]
    public void Threads_that_add_the_same_names_agree_on_every_id()
    {
        const int Names = 20_000;
        var directory = new StreamDirectory(Names);
        int[][] seen = [.. Enumerable.Range(0, 4).Select(_ => new int[Names])];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (int i = 0; i < Names; i++)
            {
                int name = t % 2 == 0 ? i : Names - 1 - i;
                seen[t][name] = directory.TryGet(Bytes($"topic/{name}"), "v"u8, out int stream) == TickFault.None ? stream : -2;
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        Assert.Equal(Names, directory.Count);
        for (int t = 1; t < 4; t++)
            Assert.Equal(seen[0], seen[t]);
        Assert.Equal(Enumerable.Range(0, Names), seen[0].Order());
        for (int name = 0; name < Names; name++)
            Assert.Equal($"topic/{name}:v", directory.Name(seen[0][name]));
    }

    [Fact]
    public void Looking_up_a_known_name_allocates_nothing()
    {
        var directory = new StreamDirectory(10);
        Get(directory, "plant/a", "temperature");
        Assert.Equal(0, Allocations.Least(10_000, () => directory.TryGet("plant/a"u8, "temperature"u8, out _)));
    }

    [Fact]
    public void An_unknown_id_is_an_error_of_the_caller()
    {
        var directory = new StreamDirectory(10);
        Get(directory, "a");
        Assert.Throws<ArgumentOutOfRangeException>(() => directory.Name(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => directory.Name(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StreamDirectory(0));
    }

    private static int Get(StreamDirectory directory, string topic, string path = "")
    {
        Assert.Equal(TickFault.None, directory.TryGet(Bytes(topic), Bytes(path), out int stream));
        return stream;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
