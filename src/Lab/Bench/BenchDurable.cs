using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench durable</c>: packets of JSON at QoS 1 from memory through intake, input log and engine, acknowledged when they are on the disk, and
/// the way back after a kill. Sockets apart; the disk is that of the temporary files.
/// </summary>
internal static class BenchDurable
{
    private const int Streams = 1000;

    public static Command Create(Option<bool> json, Option<double?> seconds)
    {
        Command command = new("durable", "Ticks through intake, input log and engine, acknowledged from the disk, and the time of a restart.");
        command.SetAction(parsed =>
        {
            double each = parsed.GetValue(seconds) ?? 3;
            BareForecaster bare = new("gru-32@0000", Gru32(outputs: 1));
            DetectorForecaster detector = new("default@0000", Gru32(outputs: 0));
            DurableLine[] lines =
            [
                Flow("bare GRU-32", bare, TimeSpan.FromMilliseconds(20), each),
                Flow("bare GRU-32, CommitInterval 0", bare, TimeSpan.Zero, each),
                Flow("default detector", detector, TimeSpan.FromMilliseconds(20), each),
            ];
            TimeSpan patience = TimeSpan.FromSeconds(10 * each);
            AmplificationLine[] amplification =
            [
                BenchAmplification.Measure("bare GRU-32", bare, 1000, null, patience),
                BenchAmplification.Measure("bare GRU-32", bare, 100_000, null, patience),
                BenchAmplification.Measure("bare GRU-32", bare, 100_000, 5000, patience),
                BenchAmplification.Measure("default detector", detector, 1000, null, patience),
            ];
            RestartLine[] restarts =
            [
                Restart("bare GRU-32", bare, 100_000, null),
                Restart("bare GRU-32", bare, 100_000, 5000),
                Restart("default detector", detector, 10_000, null),
            ];
            BenchMachine machine = BenchMachine.Measure();
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new { machine, flow = lines, amplification, restart = restarts }, BenchLine.Json));
                return CommandLine.Success;
            }
            Console.WriteLine(machine);
            Console.WriteLine($"\nJSON at QoS 1, {Streams:N0} streams: intake, log, engine, outputs encoded, acknowledged from the disk");
            foreach (DurableLine line in lines)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {line.Case,-32}{line.PerSecond,10:n0} ticks/s {line.CpuMicroseconds,7:0.00} us CPU each "
                    + $"{line.LogBytesPerTick,6:0.0} B of log each {line.TicksPerFrame,8:n0} ticks a commit {line.SnapshotBytesPerTick,7:0.0} B of snapshots each"));
            }
            Console.WriteLine("\nbytes written for a tick, every stream in its turn; amplification is log and snapshots over log");
            foreach (AmplificationLine line in amplification)
                Console.WriteLine(line);
            Console.WriteLine("\nrestart after a kill, to the first new output");
            foreach (RestartLine line in restarts)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {line.Case,-18}{line.Streams,10:n0} streams, {line.StreamsInMemory,9:n0} in memory {line.Replayed,10:n0} ticks stepped again {line.Seconds,7:0.00} s"));
            return CommandLine.Success;
        });
        return command;
    }

    private static DurableLine Flow(string name, Forecaster model, TimeSpan interval, double seconds)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
        try
        {
            using DurableBench bench = new(folder, model, shards: 1, Streams, new DurabilityOptions { CommitInterval = interval });
            bench.FeedFor(TimeSpan.FromSeconds(1));   // every stream settled, every method compiled
            (long ticks, long bytes, long frames, long snapshots) = (bench.Sent, bench.Log.WrittenBytes, bench.Log.WrittenFrames, bench.SnapshotBytes);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long startedAt = Stopwatch.GetTimestamp();
            bench.FeedFor(TimeSpan.FromSeconds(seconds));
            bench.WaitForAll();
            double took = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
            double fed = bench.Sent - ticks;
            return new DurableLine(name, fed / took, Each((Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds), Each(bench.Log.WrittenBytes - bytes),
                Measured.Per(fed, bench.Log.WrittenFrames - frames, name, "commits"), Each(bench.SnapshotBytes - snapshots));

            double Each(double amount) => Measured.Per(amount, fed, name, "ticks");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static RestartLine Restart(string name, Forecaster model, int streams, int? inMemory)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
        try
        {
            // Every stream in a snapshot, and behind it as much to step again as there can be before the next one.
            using (DurableBench first = new(folder, model, shards: 2, streams, new DurabilityOptions { ReplayLimit = TimeSpan.Zero }, inMemory))
            {
                first.Feed(3 * streams);
                first.WaitForAll();
            }
            using (DurableBench last = new(folder, model, shards: 2, streams, new DurabilityOptions { ReplayLimit = TimeSpan.FromMinutes(10) }, inMemory))
            {
                while (last.WorkToRepeat < new DurabilityOptions().ReplayLimit)
                    last.Feed(256);
                last.WaitForAll();
            }
            long startedAt = Stopwatch.GetTimestamp();
            using DurableBench second = new(folder, model, shards: 2, streams, new DurabilityOptions(), inMemory);
            second.Feed(1);
            second.WaitForAll();
            return new RestartLine(name, streams, inMemory ?? streams, second.Replayed, Stopwatch.GetElapsedTime(startedAt).TotalSeconds);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Weights of any size cost the same; these keep the gates off their rails.</summary>
    private static SequenceModel Gru32(int outputs)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: outputs);
        Random random = new(32);
        return SequenceModel.Create(shape, [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.35f)]);
    }
}

/// <summary>Figures of one load.</summary>
/// <param name="PerSecond">Ticks per second of the clock, all threads on whatever cores there are.</param>
/// <param name="CpuMicroseconds">Of the whole process, per tick.</param>
internal sealed record DurableLine(
    string Case, double PerSecond, double CpuMicroseconds, double LogBytesPerTick, double TicksPerFrame, double SnapshotBytesPerTick);

internal sealed record RestartLine(string Case, int Streams, int StreamsInMemory, long Replayed, double Seconds);

/// <summary>A worker without its sockets, over a data directory: one sender at QoS 1 that has as much in flight as it may.</summary>
internal sealed class DurableBench : IDisposable
{
    private readonly WorkerMetrics _metrics = new();
    private readonly StreamEngine _engine;
    private readonly DurableState _state;
    private readonly PacketIntake _intake;
    private readonly PacketSource _source;
    private readonly PacketLedger _ledger = new(65535, () => { });
    private readonly PacketAcknowledgement[] _due = new PacketAcknowledgement[4096];
    private readonly byte[][] _topics;
    private readonly byte[] _payload = new byte[64];

    public DurableBench(string folder, Forecaster model, int shards, int streams, DurabilityOptions options, int? streamsInMemory = null)
    {
        _topics = [.. Enumerable.Range(0, streams).Select(stream => Encoding.UTF8.GetBytes($"plant/line{stream % 40}/machine{stream}"))];
        StreamDirectory directory = new(streams);
        ModelCatalog models = new(model, []);
        _state = new DurableState(new DataFolder(folder), directory, ServingPlan.Of(models, []), models, options, 4096,
            reason => throw new IOException(reason), TimeProvider.System, NullLogger.Instance, streamsInMemory);
        _engine = new StreamEngine(_state.Map, new EngineCapacity(shards) { Cold = _state.Cold }, _metrics, traces: null, _state.Log, _state.ConfirmedOutputs,
            new MessageSink(new Nowhere(), new ForecastCodec("streamrnn", directory, _state.Map), new Delivery(1, false), new Delivery(1, false)));
        TickRouter router = new(_engine.Inboxes);
        _intake = new PacketIntake(directory, router, new FaultCounters(NullLogger.Instance, TimeProvider.System), TimeProvider.System, new IntakeOptions(), _state.Log);
        _state.Restore(_engine, sessions: null);
        _engine.Start();
        Replayed = _state.Replay(router, sessions: null);
        _state.Start(_engine, router, sessions: null, (position, confirmed) => confirmed(position));
        _source = _state.Log.Open("bench", DuplicateRule.Redelivery, isResumed: true);
    }

    public InputLog Log => _state.Log;

    public ColdStore? Cold => _state.Cold;

    public long SnapshotBytes => _state.SnapshotBytes;

    public long SnapshotCount => _state.SnapshotCount;

    public long Replayed { get; }

    /// <summary>Time that a restart would take to step the log behind the last snapshot.</summary>
    public TimeSpan WorkToRepeat => _state.WorkToRepeat;

    public long Sent { get; private set; }

    public void FeedFor(TimeSpan duration)
    {
        for (long startedAt = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(startedAt) < duration;)
            Feed(256);
    }

    public void Feed(int ticks)
    {
        for (int i = 0; i < ticks; i++, Sent++)
        {
            while (_ledger.OpenCount > 65000)
            {
                if (_ledger.Take(_due) == 0)
                    Thread.Yield();
            }
            long second = Sent / _topics.Length;
            double value = Math.Round(20 + ((second + (Sent % 97)) % 100 * 0.05), 2);
            System.Text.Unicode.Utf8.TryWrite(_payload, CultureInfo.InvariantCulture, $"{{\"ts\":{1_767_225_600 + second},\"value\":{value}}}", out int length);
            _intake.Accept(new Packet
            {
                Topic = _topics[Sent % _topics.Length],
                Payload = _payload.AsSpan(0, length),
                Qos = 1,
                PacketId = (ushort)((Sent % 65535) + 1),
                Ledger = _ledger,
                Source = _source,
            });
        }
    }

    /// <summary>Waits until everything sent has been acknowledged.</summary>
    public void WaitForAll()
    {
        while (_ledger.OpenCount > 0)
        {
            if (_ledger.Take(_due) == 0)
                Thread.Sleep(1);
        }
    }

    /// <summary>Ends as a kill would: without a last snapshot.</summary>
    public void Dispose()
    {
        _state.Refuse();
        _state.Stop(TimeSpan.Zero);
        _engine.Drain();
        _state.Dispose();
        _metrics.Dispose();
    }

    private sealed class Nowhere : IMessageTransport
    {
        public string Name { get; } = "nowhere";

        public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace)
        {
        }

        public void Flush()
        {
        }

        public void Complete()
        {
        }
    }
}
