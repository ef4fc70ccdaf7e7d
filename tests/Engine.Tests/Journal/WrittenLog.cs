using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Journal;

/// <summary>An input log over files that fail on demand, and the inbox its ticks go to.</summary>
internal sealed class WrittenLog : IDisposable
{
    private readonly StreamDirectory _directory = new(1000);
    private readonly TickRouter _router;
    private readonly PacketBlocks _blocks = new();

    public WrittenLog(FaultyFiles files, LogEnd? end = null, TimeSpan interval = default, TimeSpan? patience = null)
    {
        Files = files;
        Queue = new TickInbox(1 << 16);
        _router = new TickRouter([Queue]);
        State = new LogIndex(_directory, redeliveryCapacity: 4096);
        Log = new InputLog(files, State, end ?? new LogEnd(1, 0), new DurabilityOptions { CommitInterval = interval }, reason => Failure = reason, TimeProvider.System, NullLogger.Instance)
        {
            ConfirmationPatience = patience ?? TimeSpan.FromHours(1),
        };
        Log.Start();
    }

    public FaultyFiles Files { get; }

    public TickInbox Queue { get; }

    public LogIndex State { get; }

    public InputLog Log { get; }

    public string? Failure { get; private set; }

    /// <summary>A packet of one tick for each value, of the streams 0, 1, ...</summary>
    /// <returns>Its last position; 0 where it was refused.</returns>
    public long Append(PacketSource? source, byte qos, ushort id, params double[] values)
    {
        _blocks.Begin();
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(TickFault.None, _directory.TryGet(Encoding.UTF8.GetBytes($"plant/{i}"), default, out int stream));
            _blocks.Add(new Tick { Stream = stream, Time = 1_767_225_600_000_000_000 + (id * 1_000_000L), Value = values[i] });
        }
        _router.Reserve(_blocks);
        Packet packet = new() { Topic = "plant"u8, Payload = "1"u8, Qos = qos, PacketId = id, Source = source };
        long at = 0;
        if (Log.TryAppend(in packet, hash: id * 77ul, _blocks, (blocks, position) => blocks.Write(at = position)))
            return at;
        _blocks.Release();
        return 0;
    }

    public void Dispose() => Log.Dispose();
}

/// <summary>What a log gives back: its ticks in words, and all that is known of its sessions.</summary>
internal sealed class ReadLog
{
    private ReadLog(LogEnd end, string[] ticks, LogIndex state) => (End, Ticks, State) = (end, ticks, state);

    public LogEnd End { get; }

    public string[] Ticks { get; }

    public LogIndex State { get; }

    public static ReadLog Of(FaultyFiles files)
    {
        LogIndex state = new(new StreamDirectory(1000), redeliveryCapacity: 4096);
        Words words = new(state);
        LogReader reader = new(files);
        LogEnd end = reader.Read(after: 0, new LogReplay(state, words, sessions: null, after: 0).Visit);
        reader.Repair(end);
        return new ReadLog(end, [.. words.Ticks], state);
    }

    /// <summary>Writes ticks down as words, each with its own position.</summary>
    private sealed class Words(LogIndex state) : IReplayTarget
    {
        public List<string> Ticks { get; } = [];

        public void Step(ReadOnlySpan<Tick> ticks, long position)
        {
            position -= ticks.Length;
            foreach (ref readonly Tick tick in ticks)
                Ticks.Add($"{++position} {state.Directory.Name(tick.Stream)} {tick.Time} {tick.Value:R}");
        }

        public void Reset(int stream, long position)
        {
        }

        public void Switch(int plan, long position)
        {
        }
    }
}
