using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Rules as an operator writes them, and what a device and a reader see of them.</summary>
[Trait("speed", "slow")]
public sealed class TickRuleWorkerTests
{
    private const long Start = 1_767_225_600;

    private static readonly PatternRuleOptions[] Rules =
    [
        new() { Pattern = "held/#", Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(30) },
        new() { Pattern = "late/#", Late = LateTicks.Drop },
        new() { Pattern = "counted/#", Once = TickOnce.Sequence },
    ];

    [Fact]
    public void What_is_dropped_is_acknowledged_counted_and_told_once()
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Rules = Rules, Shards = 2 });
        using MqttPeer reader = new(worker.Port, "streamrnn/#");
        using MqttPeer device = new(worker.Port);
        for (int i = 0; i < 50; i++)
        {
            device.Publish("late/a", At(i % 5 == 4 ? i - 2 : i, i));
            device.Publish("counted/a", $$"""{"seq":{{i / 2}},"value":{{i}}}""");
        }
        device.Publish("counted/a", "21.5");
        device.Publish("counted/b:x", """{"ts":4102444801,"seq":1,"value":1}""");   // from 2100: refused before any rule sees it
        device.Drain();

        Wait.Until(() => reader.Messages.Count(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal)) == 40 + 25, "the forecasts of the rest");
        FaultCounters faults = worker.Worker.Faults;
        Assert.Equal((10, 25, 1, 1), (faults.Of(TickFault.Late), faults.Of(TickFault.Repeated), faults.Of(TickFault.NoSequence), faults.Of(TickFault.FarFuture)));
        Assert.Equal(100, worker.Worker.AcceptedTickCount);
        Assert.Equal(100, worker.Worker.Engine.Stepped + faults.Of(TickFault.Late) + faults.Of(TickFault.Repeated));
        Assert.Equal(4, worker.Log.AtLeast(LogLevel.Warning).Length);
        Wait.Until(() => Told(reader).Length == 4, "the faults");
        Assert.Equal(["far_future counted/b:x", "late late/a", "no_sequence counted/a", "repeated counted/a"], Told(reader));
    }

    [Fact]
    public void A_worker_that_starts_again_counts_what_it_held_as_taken_in()
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-").FullName;
        try
        {
            for (int start = 0; start < 2; start++)
            {
                using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Rules = Rules, DataDir = folder });
                using MqttPeer device = new(worker.Port);
                foreach (int second in new[] { 3, 1, 2 })
                    device.Publish("held/a", At((100 * start) + second, second));
                device.Drain();
                Wait.Until(() => worker.Worker.OwedForecastCount == 0, "every tick is stepped or held");
                Assert.Equal((3 * (start + 1), 3 * start, 3), (worker.Worker.AcceptedTickCount, worker.Worker.Engine.Stepped, worker.Worker.Engine.Held));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_was_dropped_before_a_kill_is_counted_again_and_not_told_again()
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-").FullName;
        string copy = Directory.CreateTempSubdirectory("streamrnn-").FullName;
        try
        {
            using (WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Rules = Rules, DataDir = folder }))
            {
                using MqttPeer device = new(worker.Port);
                foreach (int second in new[] { 3, 1, 2, 4 })
                    device.Publish("late/a", At(second, second));
                device.Drain();
                Assert.Single(worker.Log.AtLeast(LogLevel.Warning));
                foreach (string file in Directory.GetFiles(folder, "log-*"))   // what a kill would leave now
                    File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            }
            using WorkerInProcess next = WorkerInProcess.Embedded(options => options with { Rules = Rules, DataDir = copy });
            Wait.Until(() => next.Worker.OwedForecastCount == 0, "the ticks that are stepped again");
            Assert.Equal((4, 2, 2), (next.Worker.AcceptedTickCount, next.Worker.Engine.Stepped, next.Worker.Faults.Of(TickFault.Late)));
            Assert.Empty(next.Log.AtLeast(LogLevel.Warning));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            Directory.Delete(copy, recursive: true);
        }
    }

    [Fact]
    public void What_is_held_without_a_data_directory_steps_at_the_stop_in_order()
    {
        WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Rules = Rules });
        using MqttPeer reader = new(worker.Port, "streamrnn/held/a/forecast");
        using (MqttPeer device = new(worker.Port))
        {
            foreach (int second in new[] { 3, 1, 2, 5, 4 })
                device.Publish("held/a", At(second, second));
            device.Drain();   // acknowledged, though nothing has stepped
            Wait.Until(() => worker.Worker.Engine.Held == 5, "five ticks that are held");
            Assert.Equal(0, worker.Worker.Engine.Stepped);
        }
        worker.Dispose();
        reader.WaitFor(5, "the forecasts of the drain");
        Assert.Equal([1.0, 2, 3, 4, 5], reader.Messages.Select(message => JsonDocument.Parse(message.Payload).RootElement.GetProperty("value").GetDouble()));
    }

    private static string[] Told(MqttPeer reader) =>
        [.. reader.Messages.Where(message => message.Topic == "streamrnn/fault").Select(message => JsonDocument.Parse(message.Payload).RootElement)
            .Select(fault => $"{fault.GetProperty("reason").GetString()} {fault.GetProperty("topic").GetString()}").Order(StringComparer.Ordinal)];

    private static string At(int second, int value) =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"ts":{{Start + second}},"value":{{value}}}""");
}
