using System.Text.Json;
using StreamRnn.Ingest;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Many more topics than a worker may hold: what is beyond the limit is refused, counted and costs nothing that lasts.</summary>
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
}
