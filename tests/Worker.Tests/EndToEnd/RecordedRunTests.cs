using System.Globalization;
using System.Text;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Recording;
using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>One path: a replay of what a live run recorded writes what the run published.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class RecordedRunTests(RecordedRows recorded) : IClassFixture<RecordedRows>
{
    [Theory, InlineData(false), InlineData(true)]
    public void A_replay_of_the_recording_writes_what_was_published(bool durable)
    {
        string folder = recorded.NewFolder();
        Message[] published;
        using (WorkerInProcess worker = WorkerInProcess.Embedded(options => options with
        {
            Record = folder,
            DataDir = durable ? recorded.NewFolder() : null,
            Durability = new DurabilityOptions { ReplayLimit = TimeSpan.FromMilliseconds(20), ConfirmInterval = TimeSpan.Zero },
            Shards = 2,
        }))
        {
            using MqttPeer reader = new(worker.Port, "streamrnn/#");
            using MqttPeer device = new(worker.Port);
            recorded.PlayTo(device, "Rows", Others());
            device.Drain();
            int ticks = RecordedRows.Rows * RecordedRows.Names.Count * 4;
            Wait.Until(() => Forecasts(reader.Messages).Length == ticks, $"{ticks} forecasts", seconds: 60);
            device.Publish("last", "1");
            reader.WaitFor(message => message.Topic == "streamrnn/last/forecast", "the last forecast");
            published = reader.Messages;
            worker.Dispose();
            Assert.Empty(worker.Log.AtLeast(Microsoft.Extensions.Logging.LogLevel.Warning));
        }
        AssertReplayed(folder, published);
    }

    [Fact]
    public void A_worker_that_is_killed_records_every_tick_once_and_goes_on_in_the_same_file()
    {
        const int Streams = 8, Rounds = 4, TicksPerRound = 60;
        string folder = recorded.NewFolder();
        int port = Ports.Free();
        string[] arguments = ["--embedded-broker", $"{port}", "--data-dir", recorded.NewFolder(), "--record", folder];
        Dictionary<string, string> hasty = new() { ["Durability__ReplayLimit"] = "00:00:00.002", ["Durability__ConfirmInterval"] = "00:00:00" };
        WorkerProcess running = WorkerProcess.Start(hasty, arguments);
        try
        {
            using MqttPeer reader = new(port, "streamrnn/+/+/+"), device = new(port);
            for (int round = 0; round < Rounds; round++)
            {
                int before = reader.Count;
                for (int i = 0; i < TicksPerRound * Streams; i++)
                    device.Publish($"plant/{i % Streams}", string.Create(CultureInfo.InvariantCulture, $"{Math.Round(20 + (5 * Math.Sin(i * 0.02)), 3)}"));   // timed by its arrival
                device.Client.Flush();
                if (round == Rounds - 1)
                    break;
                Wait.Until(() => reader.Count > before + 100 + (round * 90), "it is in the middle of it", seconds: 60);
                running.Kill();
                running.Dispose();
                running = WorkerProcess.Start(hasty, arguments);
            }
            device.Drain();
            const int Ticks = Streams * Rounds * TicksPerRound;
            Wait.Until(() => Forecasts(reader.Messages).Length == Ticks, $"{Ticks} forecasts, of which {Forecasts(reader.Messages).Length} came", seconds: 60);
            Assert.Equal(0, running.Terminate());
            AssertReplayed(folder, reader.Messages);
            Assert.Equal(Streams, RecordingFile.Find(folder).Count);   // each in one file
        }
        finally
        {
            running.Dispose();
        }
    }

    [Fact]
    public void Ticks_that_were_held_or_dropped_are_recorded_as_they_were_stepped()
    {
        string folder = recorded.NewFolder();
        WorkerInProcess worker = WorkerInProcess.Embedded(options => options with
        {
            Record = folder,
            Shards = 2,
            Rules =
            [
                new PatternRuleOptions { Pattern = "held/#", Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(40), LateCapacity = 3 },
                new PatternRuleOptions { Pattern = "late/#", Late = LateTicks.Drop },
            ],
        });
        using MqttPeer reader = new(worker.Port, "streamrnn/#");
        using (MqttPeer device = new(worker.Port))
        {
            for (int i = 0; i < 400; i++)
            {
                int second = 10 * (i ^ (i % 5));   // out of order by up to seventy seconds
                foreach (string topic in new[] { "held/a", "held/b", "late/a", "free/a" })
                {
                    device.Publish(topic, string.Create(CultureInfo.InvariantCulture,
                        $$"""{"ts":{{1_767_225_600 + second}},"value":{{Math.Round(Math.Sin(second * 0.01), 3)}}}"""));
                }
            }
            device.Drain();
        }
        worker.Dispose();
        long dropped = worker.Worker.Faults.Of(TickFault.Late);
        Assert.InRange(dropped, 100, 1000);
        Wait.Until(() => Forecasts(reader.Messages).Length == 1600 - dropped, "every forecast, those of the drain too");
        AssertReplayed(folder, reader.Messages);
    }

    private void AssertReplayed(string folder, Message[] published)
    {
        string output = recorded.NewFolder();
        ReplaySummary summary = new ReplayRun(ModelCatalog.Load(standard: null).Standard, shards: 2, new RecordingOptions())
            .Run(RecordingFile.Find(folder), output, _ => { });
        Message[] forecasts = Forecasts(published);
        Assert.Empty(summary.Failed);
        Assert.Equal(forecasts.Length, summary.Stepped);

        HashSet<(string, long)> anomalies = [.. published.Where(message => message.Topic.EndsWith("/anomaly", StringComparison.Ordinal))
            .Select(message => (message.Topic[..^"/anomaly".Length], Outputs.Number(message.Payload)))];
        Assert.Equal(anomalies.Count, summary.Anomalies);
        foreach (IGrouping<string, Message> stream in forecasts.GroupBy(message => message.Topic[..^"/forecast".Length]))
        {
            string name = stream.Key["streamrnn/".Length..];
            string[] rows = File.ReadAllLines(Path.Combine(output, RecordingPath.Of(Encoding.UTF8.GetBytes(name)) + ".csv"))[1..];
            Assert.Equal(stream.Select(message => Outputs.AsReplayRow(message.Payload, anomalies.Contains((stream.Key, Outputs.Number(message.Payload))))),
                rows.Select(row => row[(row.IndexOf(',', StringComparison.Ordinal) + 1)..]));
        }
    }

    /// <summary>The forecasts in the order of n, repeats dropped, as a consumer would.</summary>
    private static Message[] Forecasts(Message[] messages) =>
        [.. messages.Where(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal)).Select(message => (message.Topic, message.Payload)).Distinct()
            .Select(message => new Message(message.Topic, message.Payload, false, null, null)).OrderBy(message => Outputs.Number(message.Payload))];

    /// <summary>Names that no path may have, times to the nanosecond, equal, backwards and missing, values at the ends of what is taken.</summary>
    private static IEnumerator<(string Topic, string Payload)> Others()
    {
        string[] topics = ["../up", "a//b", "/c", "Case", "case", "aux", "é ü/x.csv", new string('n', 900), "many"];
        string[] values = ["0.1", "-0", "1e-300", "3.4e38", "5E-324", "true", "123456789.123456789"];
        for (int i = 0; ; i++)
        {
            string value = values[i % values.Length];
            long time = 1_767_225_600_000_000_001 + (i / 5 * 1_000_000_007L) - (i % 11 == 0 ? 3_000_000_000 : 0);
            yield return (topics[i % topics.Length], i % 3 == 0 ? value : string.Create(CultureInfo.InvariantCulture, $$"""{"value":{{value}},"ts":{{time}}}"""));
        }
    }
}
