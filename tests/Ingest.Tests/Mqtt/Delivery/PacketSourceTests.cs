using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Delivery;

public class PacketSourceTests
{
    [Theory]
    [InlineData(DuplicateRule.UntilBarrier)]
    [InlineData(DuplicateRule.Redelivery)]
    public void What_an_earlier_connection_brought_is_a_repeat_on_the_next(DuplicateRule rule)
    {
        PacketSource source = Source(rule);
        source.Connect(isResumed: false);
        source.Note(7, 1, hash: 70, position: 1);
        source.Connect(isResumed: true);

        Assert.True(source.IsRepeat(Packet(7, isRedelivery: true), 70, out long position));
        Assert.Equal(1, position);
        Assert.True(source.IsRepeat(Packet(7, isRedelivery: true), 70, out _));   // and once more, should its acknowledgement be lost again
    }

    [Theory]
    [InlineData(DuplicateRule.UntilBarrier)]
    [InlineData(DuplicateRule.Redelivery)]
    public void On_one_connection_nothing_is_sent_twice(DuplicateRule rule)
    {
        PacketSource source = Source(rule);
        source.Connect(isResumed: true);
        source.Note(7, 1, hash: 70, position: 1);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: true), 70, out _));
    }

    [Fact]
    public void Another_content_under_the_same_id_is_another_packet()
    {
        PacketSource source = Source(DuplicateRule.UntilBarrier);
        source.Note(7, 1, hash: 70, position: 1);
        source.Connect(isResumed: true);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: true), 71, out _));
    }

    [Fact]
    public void A_broker_sends_again_without_dup_what_it_says_it_never_sent()
    {
        PacketSource source = Source(DuplicateRule.UntilBarrier);
        source.Note(7, 1, hash: 70, position: 1);
        source.Connect(isResumed: true);
        Assert.True(source.IsRepeat(Packet(7, isRedelivery: false), 70, out _));
    }

    [Fact]
    public void A_client_without_dup_has_our_acknowledgement_and_uses_the_id_anew()
    {
        PacketSource source = Source(DuplicateRule.Redelivery);
        source.Note(7, 1, hash: 70, position: 1);
        source.Connect(isResumed: true);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: false), 70, out _));
        source.Note(7, 1, hash: 70, position: 9);
        source.Connect(isResumed: true);
        Assert.True(source.IsRepeat(Packet(7, isRedelivery: true), 70, out long position));
        Assert.Equal(9, position);
    }

    [Fact]
    public void Behind_the_barrier_nothing_is_a_repeat()
    {
        PacketSource source = Source(DuplicateRule.UntilBarrier);
        source.Note(7, 1, hash: 70, position: 1);
        source.Note(8, 1, hash: 80, position: 2);
        source.Confirm(1);
        source.Connect(isResumed: true);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: true), 70, out _));
        Assert.True(source.IsRepeat(Packet(8, isRedelivery: true), 80, out _));
    }

    [Fact]
    public void A_barrier_on_the_new_connection_frees_the_ids_of_the_old_one()
    {
        PacketSource source = Source(DuplicateRule.UntilBarrier);
        source.Note(7, 1, hash: 70, position: 1);
        source.Note(8, 1, hash: 80, position: 2);
        source.Connect(isResumed: true);
        source.Confirm(1);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: false), 70, out _));
        Assert.True(source.IsRepeat(Packet(8, isRedelivery: true), 80, out _));
    }

    [Fact]
    public void A_session_that_begins_anew_repeats_nothing()
    {
        PacketSource source = Source(DuplicateRule.UntilBarrier);
        source.Note(7, 1, hash: 70, position: 1);
        source.Note(9, 2, hash: 90, position: 2);
        source.Connect(isResumed: false);
        Assert.False(source.IsRepeat(Packet(7, isRedelivery: true), 70, out _));
        Assert.False(source.IsRepeat(Packet(9, isRedelivery: true, qos: 2), 90, out _));
    }

    [Fact]
    public void At_qos_2_a_message_is_a_repeat_until_it_is_released()
    {
        PacketSource source = Source(DuplicateRule.Redelivery);
        source.Note(9, 2, hash: 90, position: 4);
        Assert.True(source.IsUnreleased(9));
        Assert.True(source.IsRepeat(Packet(9, isRedelivery: false, qos: 2), 90, out long position));
        Assert.Equal(4, position);
        source.Release(9);
        Assert.False(source.IsRepeat(Packet(9, isRedelivery: true, qos: 2), 90, out _));
        Assert.Equal(0, source.UnreleasedCount);
    }

    [Fact]
    public void A_client_cannot_repeat_what_lies_further_back_than_it_may_have_unacknowledged()
    {
        PacketSource source = Source(DuplicateRule.Redelivery, capacity: 40);
        for (ushort id = 1; id <= 100; id++)
            source.Note(id, 1, hash: id, position: id);
        source.Connect(isResumed: true);
        Assert.False(source.IsRepeat(Packet(60, isRedelivery: true), 60, out _));
        Assert.True(source.IsRepeat(Packet(61, isRedelivery: true), 61, out _));
        Assert.Equal(40, source.Remembered.Count());
    }

    private static PacketSource Source(DuplicateRule rule, int capacity = 4096) => new(id: 1, "device", rule, capacity);

    private static Packet Packet(ushort id, bool isRedelivery, byte qos = 1) => new()
    {
        Topic = "t"u8,
        Payload = "1"u8,
        Qos = qos,
        PacketId = id,
        IsRedelivery = isRedelivery,
    };
}
