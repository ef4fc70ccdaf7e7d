using System.Buffers.Binary;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Tests.Devices;

public sealed class DeviceClientTests : IDisposable
{
    private const byte Puback = 0x40, Pubrec = 0x50, Pubcomp = 0x70;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeBroker _broker = new();
    private readonly DeviceClient _device;

    public DeviceClientTests() =>
        _device = new DeviceClient(DeviceClient.Options(BrokerAddress.Parse("127.0.0.1", _broker.Port), "device").Build()) { Pause = TimeSpan.FromMilliseconds(10) };

    public void Dispose()
    {
        _device.Dispose();
        _broker.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_not_confirmed_is_sent_again_in_order_under_its_id_and_marked_where_the_session_goes_on(bool sessionPresent)
    {
        using (FakeConnection first = _broker.AcceptAndWelcome(sessionPresent: false, subscribes: false))
        {
            for (int i = 1; i <= 3; i++)
                _device.Publish("a", [(byte)('0' + i)], qos: 1);
            for (ushort id = 1; id <= 3; id++)
                Assert.Equal((id, false, (char)('0' + id)), Message(first));
            first.Send(Puback, 2, 0, 1);
            Wait.Until(() => _device.ConfirmedCount == 1, "the first is confirmed");
        }
        using FakeConnection second = _broker.AcceptAndWelcome(sessionPresent, subscribes: false);
        Assert.Equal((2, sessionPresent, '2'), Message(second));
        Assert.Equal((3, sessionPresent, '3'), Message(second));
        second.Send(Puback, 2, 0, 2, Puback, 2, 0, 3);
        Assert.True(_device.Drain(Patience));
        Assert.Equal((3, 0, 0), (_device.ConfirmedCount, _device.RejectedCount, _device.UnconfirmedCount));
    }

    [Fact]
    public void Of_a_message_at_QoS_2_that_was_received_the_release_alone_is_sent_again()
    {
        using (FakeConnection first = _broker.AcceptAndWelcome(sessionPresent: false, subscribes: false))
        {
            _device.Publish("a", "1"u8, qos: 2);
            Assert.Equal((1, false, '1'), Message(first));
            first.Send(Pubrec, 2, 0, 1);
            Assert.Equal(MqttPacketType.Pubrel, first.Read().Type);
        }
        using FakeConnection second = _broker.AcceptAndWelcome(sessionPresent: true, subscribes: false);
        Assert.Equal(MqttPacketType.Pubrel, second.Read().Type);
        Assert.Equal(0, _device.ConfirmedCount);
        second.Send(Pubcomp, 2, 0, 1);
        Assert.True(_device.Drain(Patience));
    }

    [Fact]
    public void No_more_is_unconfirmed_than_the_broker_takes_at_once_and_a_refusal_makes_room_too()
    {
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false, 0x21, 0, 2);   // Receive Maximum 2
        for (int i = 1; i <= 4; i++)
            _device.Publish("a", [(byte)('0' + i)], qos: 1);
        Assert.Equal(((1, false, '1'), (2, false, '2')), (Message(connection), Message(connection)));
        connection.Send(Puback, 3, 0, 1, 0x87);   // not authorized
        Assert.Equal((3, false, '3'), Message(connection));   // and not 4 with it
        connection.Send(Puback, 2, 0, 2, Puback, 2, 0, 3);
        Assert.Equal((4, false, '4'), Message(connection));
        connection.Send(Puback, 2, 0, 4);
        Assert.True(_device.Drain(Patience));
        Assert.Equal((3, 1), (_device.ConfirmedCount, _device.RejectedCount));
    }

    [Fact]
    public void It_leaves_no_session_at_the_broker()
    {
        using FakeConnection unused = _broker.AcceptAndWelcome(sessionPresent: false, subscribes: false);
        DeviceClient device = new(DeviceClient.Options(BrokerAddress.Parse("127.0.0.1", _broker.Port), "another").Build());
        using FakeConnection connection = _broker.AcceptAndWelcome(sessionPresent: false, subscribes: false);
        device.Publish("a", "1"u8, qos: 1);
        Assert.Equal((1, false, '1'), Message(connection));
        device.Dispose();
        (MqttPacketType type, _, byte[] body) = connection.Read();
        Assert.Equal((MqttPacketType.Disconnect, "00-05-11-00-00-00-01"), (type, BitConverter.ToString(body)));
    }

    private static (int Id, bool Dup, char Payload) Message(FakeConnection connection)
    {
        (MqttPacketType type, byte flags, byte[] body) = connection.Read();
        Assert.Equal(MqttPacketType.Publish, type);
        return (BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(2 + 1)), (flags & 8) != 0, (char)body[^1]);
    }
}
