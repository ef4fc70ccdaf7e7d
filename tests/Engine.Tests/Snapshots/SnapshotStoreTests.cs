using System.Buffers;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Tests.Recovery;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Snapshots;

public sealed class SnapshotStoreTests
{
    [Fact]
    public void Names_and_rows_that_fill_many_sections_come_back_and_no_section_is_large()
    {
        const int Streams = 3000;
        FaultyFiles files = new();
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards: 2, outputs);
        PacketLedger ledger = new(Streams, () => { });
        for (int i = 0; i < Streams; i++)
            engine.Send(null, ledger, (ushort)(i + 1), $"{new string((char)('a' + (i % 26)), 200)}/{i}", $"{i}");
        engine.Stop();

        SnapshotStore store = new(files);
        IReadOnlyList<SnapshotHead> parts = store.Find();
        StreamDirectory directory = new(Streams);
        Dictionary<int, float> rows = [];
        store.Load(parts, new LogIndex(directory, redeliveryCapacity: 1), sessions: null, (stream, _, row) => rows[stream] = row[1]);
        Assert.Equal(Enumerable.Range(0, Streams).Select(engine.Directory.Name), Enumerable.Range(0, Streams).Select(directory.Name));
        Assert.Equal(Enumerable.Range(0, Streams).Select(stream => (float)outputs.Single(forecast => forecast.Stream == stream).Verdict.Next),
            Enumerable.Range(0, Streams).Select(stream => rows[stream]));

        foreach (SnapshotHead part in parts)
        {
            using SnapshotReader reader = new(files, SnapshotFile.Name(part.Position, part.Base));
            while (reader.TryRead(out _, out ReadOnlySpan<byte> content))
                Assert.InRange(content.Length, 0, 256 << 10);
        }
    }

    /// <summary>Both cuts lie at one position when nothing is appended between them: a broker with retained outputs confirms nothing.</summary>
    [Fact]
    public void A_snapshot_where_the_last_barrier_was_waits_for_the_sessions_of_its_own_cut()
    {
        FaultyFiles files = new();
        SlowSessions sessions = new(files);
        DurabilityOptions confirmsOften = new() { CommitInterval = TimeSpan.Zero, ConfirmInterval = TimeSpan.Zero };
        DurableEngine engine = new(files, shards: 1, [], confirmsOften, confirms: false, sessions: sessions);
        engine.Send(null, null, 0, "t", "1", qos: 0);
        Wait.Until(() => engine.MarkCount > 0, "the barrier came through");
        engine.Stop();

        SlowSessions back = new(files);
        SnapshotStore store = new(files);
        store.Load(store.Find(), new LogIndex(new StreamDirectory(10), redeliveryCapacity: 1), back, (_, _, _) => { });
        Assert.Equal(SlowSessions.Bytes, back.Read);
    }

    [Fact]
    public void A_snapshot_that_is_damaged_or_cut_anywhere_is_none_and_the_one_before_counts()
    {
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 1, []);
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 5; i++)
                engine.Send(null, null, 0, $"t{i}", $"{round}", qos: 0);
            engine.Stop();
            if (round == 0)
                engine = new DurableEngine(files, shards: 1, []);
        }
        string newest = files.List().Last(name => name.EndsWith(".snap", StringComparison.Ordinal));
        Assert.True(SnapshotFile.TryParse(newest, out long position, out _));
        Assert.Equal(position, new SnapshotStore(files).Find()[^1].Position);

        byte[] good = files[newest];
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 0x10;
            files[newest] = bad;
            AssertBefore(at);
            files[newest] = good[..at];
            AssertBefore(at);
        }

        void AssertBefore(int at)
        {
            IReadOnlyList<SnapshotHead> found = new SnapshotStore(files).Find();
            Assert.True(found.Count > 0 && found[^1].Position < position, $"byte {at}");
        }
    }

    [Fact]
    public void A_snapshot_that_was_whole_and_is_not_when_it_is_loaded_is_refused()
    {
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 1, []);
        for (int i = 0; i < 5; i++)
            engine.Send(null, null, 0, $"t{i}", "1", qos: 0);
        engine.Stop();

        SnapshotStore store = new(files);
        IReadOnlyList<SnapshotHead> found = store.Find();
        string name = SnapshotFile.Name(found[0].Position, found[0].Base);
        int length = files[name].Length;
        for (files.Readable = 0; files.Readable < length; files.Readable++)
        {
            InvalidDataException refused = Assert.Throws<InvalidDataException>(
                () => store.Load(found, new LogIndex(new StreamDirectory(10), redeliveryCapacity: 1), sessions: null, (_, _, _) => { }));
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Sessions that take their time to be written: as long as a snapshot that does not wait for them needs to appear, or half a second.</summary>
    private sealed class SlowSessions(FaultyFiles files) : ISessionJournal
    {
        public static readonly byte[] Bytes = [.. Enumerable.Range(0, 2000).Select(i => (byte)i)];

        public byte[]? Read { get; private set; }

        public void Apply(ReadOnlySpan<byte> record)
        {
        }

        public void Write(IBufferWriter<byte> snapshot)
        {
            snapshot.Write(Bytes.AsSpan(0, 1000));
            SpinWait.SpinUntil(() => files.List().Any(name => name.EndsWith(".snap", StringComparison.Ordinal)), TimeSpan.FromSeconds(0.5));
            snapshot.Write(Bytes.AsSpan(1000));
        }

        void ISessionJournal.Read(ReadOnlySpan<byte> snapshot) => Read = snapshot.ToArray();
    }
}
