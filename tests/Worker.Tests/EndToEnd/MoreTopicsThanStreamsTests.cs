using System.Text.Json;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Many more topics than a worker may hold: what is beyond the limit is refused, counted and costs nothing that lasts.</summary>
[Trait("speed", "slow")]
public sealed class MoreTopicsThanStreamsTests : IDisposable
{
    private const int Limit = 50, Topics = 2000, Rounds = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Beyond_the_limit_in_all_ticks_are_refused_counts_close_and_no_state_is_added()
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with
        {
            DataDir = _folder,
            Limits = options.Limits with { Streams = Limit },
        });
        using MqttPeer devices = new(worker.Port);
        List<long> stateBytes = [];
        for (int round = 0; round < Rounds; round++)
        {
            for (int topic = 0; topic < Topics; topic++)
                devices.Publish($"many/{topic}", $$"""{"value":{{round + topic}}}""");
            devices.Drain();
            stateBytes.Add(worker.Worker.Engine.StateBytes);
        }

        Assert.Equal(Limit, worker.Worker.Streams.Count);
        Assert.Equal(Rounds * Limit, worker.Worker.AcceptedTickCount);
        Assert.Equal(Rounds * (Topics - Limit), worker.Worker.Faults.Of(TickFault.StreamLimit));
        Assert.Equal(Rounds * (Topics - Limit), worker.Worker.Faults.Total);
        Assert.Single(stateBytes.Distinct());

        using JsonDocument status = JsonDocument.Parse(worker.Worker.WriteStatus());
        JsonElement metrics = status.RootElement.GetProperty("metrics");
        Assert.Equal(Rounds * Limit, status.RootElement.GetProperty("accepted").GetInt64());
        Assert.Equal(Rounds * (Topics - Limit), metrics.GetProperty("streamrnn.ticks.refused").GetProperty("stream_limit").GetInt64());
        Assert.Equal(stateBytes[0], metrics.GetProperty("streamrnn.state.size").GetInt64());
        Assert.True(metrics.GetProperty("streamrnn.log.written").GetInt64() > 0);
    }

    [Fact]
    public void Beyond_the_limit_in_memory_every_tick_is_stepped_and_memory_stays_at_its_bound()
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with
        {
            DataDir = _folder,
            Shards = 2,
            Limits = options.Limits with { Streams = Topics, StreamsInMemory = Limit },
        });
        using MqttPeer reader = new(worker.Port, "streamrnn/+/+/forecast");
        using MqttPeer devices = new(worker.Port);
        List<long> stateBytes = [];
        for (int round = 0; round < Rounds; round++)
        {
            for (int topic = 0; topic < Topics; topic++)
                devices.Publish($"many/{topic}", $$"""{"value":{{round + topic}}}""");
            devices.Drain();
            stateBytes.Add(worker.Worker.Engine.StateBytes);
        }
        reader.WaitFor(Rounds * Topics, "forecasts");

        // Rows beyond the limit lie on the disk: in memory each stream has its place, and the limit its rows, in whole pages of a shard.
        Assert.Equal(Topics, worker.Worker.Streams.Count);
        Assert.Equal((Rounds * Topics, 0), (worker.Worker.AcceptedTickCount, worker.Worker.Faults.Total));
        Assert.Single(stateBytes.Distinct());
        Assert.True(stateBytes[0] < 5 << 20, $"{stateBytes[0]} bytes of state, where all {Topics} streams are {Topics * 20_000}");
        Assert.All(Outputs.NumbersByTopic(reader.Messages), topic => Assert.Equal([1, 2, 3, 4], topic.Value));

        using JsonDocument status = JsonDocument.Parse(worker.Worker.WriteStatus());
        JsonElement metrics = status.RootElement.GetProperty("metrics");
        Assert.Equal(Limit, metrics.GetProperty("streamrnn.streams.in_memory").GetInt32());
        Assert.Equal(Topics - Limit, metrics.GetProperty("streamrnn.streams.on_disk").GetInt32());

        // All topics in turn: every one has left memory when its turn comes again.
        Assert.Equal((Rounds * Topics) - Limit, metrics.GetProperty("streamrnn.rows.evicted").GetInt64());
        Assert.Equal((Rounds - 1) * Topics, metrics.GetProperty("streamrnn.rows.returned").GetInt64());
    }
}
