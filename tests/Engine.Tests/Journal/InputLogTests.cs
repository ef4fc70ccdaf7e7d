using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Tests.Journal;

public sealed class InputLogTests
{
    [Fact]
    public void What_was_appended_comes_back_in_order_with_names_times_and_positions()
    {
        FaultyFiles files = new();
        using (WrittenLog log = new(files))
        {
            log.Append(source: null, qos: 0, id: 0, 1.5, double.MaxValue);
            log.Append(source: null, qos: 0, id: 5, -0.0, 5e-324, 3);
        }

        ReadLog read = ReadLog.Of(files);
        Assert.Equal(
            ["3 plant/0 1767225600000000000 1.5", "4 plant/1 1767225600000000000 1.7976931348623157E+308",
                "6 plant/0 1767225600005000000 -0", "7 plant/1 1767225600005000000 5E-324", "8 plant/2 1767225600005000000 3"],
            read.Ticks);
        Assert.Equal(9, read.End.NextPosition);
    }

    [Fact]
    public void Sessions_come_back_with_what_they_may_send_again()
    {
        FaultyFiles files = new();
        using (WrittenLog log = new(files))
        {
            PacketSource source = log.Log.Open("device", DuplicateRule.UntilBarrier, isResumed: false);
            long first = log.Append(source, qos: 1, id: 1, 10);
            log.Append(source, qos: 1, id: 2, 20);
            log.Append(source, qos: 2, id: 3, 30);
            log.Append(source, qos: 2, id: 4, 40);
            log.Log.Confirm(source, first);
            log.Log.Release(source, 3, new PacketLedger(4, () => { }), 0);
            PacketSource gone = log.Log.Open("gone", DuplicateRule.Redelivery, isResumed: false);
            log.Log.Close(gone);
        }

        ReadLog read = ReadLog.Of(files);
        PacketSource back = Assert.Single(read.State.Sources);
        Assert.Equal(("device", DuplicateRule.UntilBarrier), (back.Name, back.Rule));
        Assert.Equal([(1, 2, 154ul), (2, 4, 308ul)], back.Remembered.Select(entry => ((int)entry.Qos, (int)entry.Packet.PacketId, entry.Packet.Hash)));
    }

    [Fact]
    public void A_log_that_is_gone_on_with_reads_as_one()
    {
        FaultyFiles files = new();
        for (ushort run = 0; run < 3; run++)
        {
            LogEnd end = ReadLog.Of(files).End;
            using WrittenLog log = new(files, end);
            log.State.DefinedStreams = run == 0 ? 0 : 1;
            log.Append(source: null, qos: 0, id: run, run);
        }
        Assert.Equal(3, files.List().Count);
        Assert.Equal(["0", "1", "2"], ReadLog.Of(files).Ticks.Select(tick => tick.Split(' ')[3]));
    }

    [Fact, Trait("speed", "slow")]
    public void A_write_torn_at_any_byte_costs_the_packets_of_that_frame_and_nothing_else()
    {
        FaultyFiles files = TwoFrames(out string segment, out int secondFrame);
        byte[] whole = files[segment];
        for (int length = 0; length < whole.Length; length++)
        {
            FaultyFiles torn = new() { [segment] = whole[..length] };
            ReadLog read = ReadLog.Of(torn);
            Assert.Equal(length < secondFrame ? 0 : 2, read.Ticks.Length);
            Assert.Equal(read.Ticks, ReadLog.Of(torn).Ticks);
            Assert.Null(ReadLog.Of(torn).End.Torn);   // and once repaired it is whole
        }
    }

    [Fact]
    public void A_write_over_zeros_torn_at_any_byte_costs_no_more()
    {
        FaultyFiles files = TwoFrames(out string segment, out int secondFrame);
        byte[] whole = files[segment];
        for (int good = secondFrame + 1; good < whole.Length; good++)
        {
            FaultyFiles torn = new() { [segment] = [.. whole[..good], .. new byte[4096]] };
            FaultyFiles holed = new() { [segment] = [.. whole[..secondFrame], .. new byte[good - secondFrame], .. whole[good..], .. new byte[4096]] };
            foreach (FaultyFiles damaged in new[] { torn, holed })
            {
                Assert.Equal(2, ReadLog.Of(damaged).Ticks.Length);
                Assert.Equal(secondFrame, damaged[segment].Length);   // repaired
            }
        }
    }

    [Fact]
    public void Zeros_are_kept_ahead_while_a_log_is_written_and_go_with_its_end()
    {
        FaultyFiles files = new();
        WrittenLog log = new(files);
        log.Log.WaitUntilDurable(log.Append(source: null, qos: 0, id: 1, 1));
        string segment = Assert.Single(files.List());
        int open = files[segment].Length;
        log.Log.WaitUntilDurable(log.Append(source: null, qos: 0, id: 2, 2));
        Assert.Equal(open, files[segment].Length);   // nothing has grown
        Assert.Equal(2, ReadLog.Of(files.AfterKill()).Ticks.Length);
        Assert.Equal(2, ReadLog.Of(files.AfterPowerLoss()).Ticks.Length);
        log.Dispose();
        Assert.Equal(LogFormat.SegmentHeaderBytes + log.Log.WrittenBytes, files[segment].Length);
    }

    [Fact]
    public void A_tail_of_zeros_or_rubbish_is_cut_off()
    {
        FaultyFiles files = TwoFrames(out string segment, out _);
        byte[] whole = files[segment];
        byte[] rubbish = new byte[300];
        new Random(7).NextBytes(rubbish);
        foreach (byte[] tail in new[] { new byte[4096], rubbish, whole[28..60] })
            Assert.Equal(4, ReadLog.Of(new FaultyFiles { [segment] = [.. whole, .. tail] }).Ticks.Length);
    }

    [Fact]
    public void Any_byte_changed_before_a_good_frame_is_refused_in_words()
    {
        FaultyFiles files = TwoFrames(out string segment, out int secondFrame);
        byte[] whole = files[segment];
        for (int at = 0; at < secondFrame; at++)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 0x20;
            InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => ReadLog.Of(new FaultyFiles { [segment] = changed }));
            Assert.Contains("Restore the data directory from a copy", refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Segments_missing_or_exchanged_are_refused()
    {
        FaultyFiles files = ThreeSegments();
        string[] names = [.. files.List()];
        foreach (int missing in new[] { 0, 1 })
        {
            FaultyFiles gap = files.AfterKill();
            gap.Delete(names[missing]);
            Assert.Throws<InvalidDataException>(() => ReadLog.Of(gap));
        }

        FaultyFiles exchanged = files.AfterKill();
        (exchanged[names[0]], exchanged[names[1]]) = (files[names[1]], files[names[0]]);
        Assert.Throws<InvalidDataException>(() => ReadLog.Of(exchanged));

        // Another log's segment of the same positions: every checksum in it is right.
        FaultyFiles other = ThreeSegments(value: 7);
        FaultyFiles mixed = files.AfterKill();
        mixed[names[1]] = other[names[1]];
        Assert.Throws<InvalidDataException>(() => ReadLog.Of(mixed));
    }

    [Fact]
    public void A_log_of_another_arithmetic_is_refused_with_the_remedy()
    {
        FaultyFiles files = TwoFrames(out string segment, out _);
        byte[] bytes = files[segment];
        bytes[8]++;
        BitConverter.TryWriteBytes(bytes.AsSpan(24), Crc32C.Of(bytes.AsSpan(0, 24)));
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => ReadLog.Of(new FaultyFiles { [segment] = bytes }));
        Assert.Contains("stop it in order", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_counts_as_durable_survives_a_loss_of_power()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files);
        long position = log.Append(source: null, qos: 0, id: 1, 1, 2, 3);
        log.Log.WaitUntilDurable(position);
        Assert.Equal(3, ReadLog.Of(files.AfterPowerLoss()).Ticks.Length);
    }

    [Fact]
    public void A_failed_fsync_ends_the_worker_and_acknowledges_nothing()
    {
        FaultyFiles files = new() { FlushFails = true };
        using WrittenLog log = new(files);
        log.Append(source: null, qos: 0, id: 1, 1);
        Wait.Until(() => log.Failure is not null, "the log says that it failed");
        Assert.Equal(0, log.Log.DurablePosition);
        Assert.Contains("Look at the disk", log.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_stops_intake_and_loses_nothing()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files);
        PacketSource source = log.Log.Open("device", DuplicateRule.UntilBarrier, isResumed: false);
        log.Log.WaitUntilDurable(log.Append(source, qos: 1, id: 1, 1));
        files.Room = 50;
        long second = log.Append(source, qos: 1, id: 2, 2);
        Wait.Until(() => log.Log.IsFull, "the log says that the disk is full");

        Assert.Equal(0, log.Append(source, qos: 0, id: 3, 3));   // refused at once
        long third = 0;
        Thread waiting = new(() => third = log.Append(source, qos: 1, id: 4, 4));
        waiting.Start();
        Assert.True(log.Log.DurablePosition < second);
        files.Room = long.MaxValue;
        log.Log.WaitUntilDurable(second);
        waiting.Join();
        log.Log.WaitUntilDurable(third);
        Assert.Equal(["1", "2", "4"], ReadLog.Of(files.AfterKill()).Ticks.Select(tick => tick.Split(' ')[3]));
    }

    [Fact]
    public void While_the_disk_is_full_it_says_when_it_holds_as_much_as_it_may()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files);
        log.Log.WaitUntilDurable(log.Append(null, qos: 1, id: 1, 1));
        files.Room = 0;
        log.Append(null, qos: 1, id: 2, 2);
        Wait.Until(() => log.Log.IsFull, "the log says that the disk is full");
        int sessions = 0;
        for (; !log.Log.IsStuck; sessions++)
            log.Log.Close(log.Log.Open("device", DuplicateRule.Redelivery, isResumed: false));
        Assert.Equal(InputLog.FramePositions / 2, sessions);
        files.Room = long.MaxValue;
        log.Log.WaitUntilDurable(log.Log.AppendedPosition);
        Assert.False(log.Log.IsStuck);
    }

    [Fact]
    public void A_disk_full_at_the_first_byte_of_a_segment_leaves_no_stump()
    {
        FaultyFiles files = new() { Room = 10 };
        using WrittenLog log = new(files);
        long position = log.Append(source: null, qos: 0, id: 1, 1);
        Wait.Until(() => log.Log.IsFull, "the log says that the disk is full");
        files.Room = long.MaxValue;
        log.Log.WaitUntilDurable(position);
        Assert.Single(ReadLog.Of(files.AfterKill()).Ticks);
    }

    [Fact]
    public void An_unreadable_file_is_refused()
    {
        FaultyFiles files = TwoFrames(out _, out _);
        files.ReadFails = true;
        Assert.Throws<IOException>(() => ReadLog.Of(files));
    }

    [Fact]
    public void A_tick_of_plain_numbers_takes_at_most_forty_bytes_in_frames_of_sixty_four()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files, interval: TimeSpan.FromSeconds(10));   // what comes before the close is one frame
        PacketSource source = log.Log.Open("device", DuplicateRule.UntilBarrier, isResumed: true);
        log.Append(source, qos: 1, id: 1, 1);
        log.Log.Append([]);
        for (ushort id = 0; id < 64; id++)
            log.Append(source, qos: 1, id, 20 + id * 0.1);
        log.Dispose();
        Assert.InRange((LogFormat.SegmentHeaderBytes + log.Log.WrittenBytes) / 64.0, 10, 40);
    }

    [Fact]
    public void Waiting_for_the_disk_bounds_what_is_held()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files, interval: TimeSpan.FromHours(1));
        for (int i = 0; i < 3 * InputLog.FramePositions; i++)
            log.Append(source: null, qos: 0, id: (ushort)i, i);
        Assert.True(log.Log.WrittenFrames >= 2);   // a full frame goes whatever the interval
    }

    [Fact]
    public void A_confirmation_goes_with_the_next_packet()
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files);
        long first = log.Append(source: null, qos: 0, id: 1, 1);
        log.Log.WaitUntilDurable(first);
        log.Log.ConfirmOutputs(first);
        Assert.Equal(0, ReadLog.Of(files.AfterKill()).State.ConfirmedOutputs);
        log.Log.WaitUntilDurable(log.Append(source: null, qos: 0, id: 2, 2));
        Assert.Equal(first, ReadLog.Of(files.AfterKill()).State.ConfirmedOutputs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_confirmation_that_no_packet_takes_along_goes_by_itself_and_is_followed_by_nothing(bool restsBefore)
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files, patience: TimeSpan.FromMilliseconds(20));
        int commits = 0;
        log.Log.Committed = () => commits++;
        long first = log.Append(source: null, qos: 0, id: 1, 1);
        log.Log.WaitUntilDurable(first);
        if (restsBefore)
            Wait.Until(() => log.Log.IsResting, "the log rests");
        log.Log.ConfirmOutputs(first);
        Wait.Until(() => log.Log.WrittenFrames == 2, "the confirmation is written");
        Assert.Equal(first, ReadLog.Of(files.AfterKill()).State.ConfirmedOutputs);
        Wait.Until(() => log.Log.IsResting, "the log rests");
        Assert.Equal((1, 2L), (commits, log.Log.WrittenFrames));
    }

    private static FaultyFiles TwoFrames(out string segment, out int secondFrame)
    {
        FaultyFiles files = new();
        using WrittenLog log = new(files);
        log.Log.WaitUntilDurable(log.Append(source: null, qos: 0, id: 1, 1, 2));
        segment = Assert.Single(files.List());
        secondFrame = LogFormat.SegmentHeaderBytes + (int)log.Log.WrittenBytes;
        log.Log.WaitUntilDurable(log.Append(source: null, qos: 0, id: 2, 3, 4));
        return files;
    }

    private static FaultyFiles ThreeSegments(double value = 1)
    {
        FaultyFiles files = new();
        for (ushort run = 0; run < 3; run++)
        {
            using WrittenLog log = new(files, ReadLog.Of(files).End);
            log.State.DefinedStreams = run == 0 ? 0 : 1;
            log.Append(source: null, qos: 0, id: run, value);
        }
        return files;
    }
}
