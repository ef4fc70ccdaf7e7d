using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using StreamRnn.Ingest.Mqtt.Codec;
using ControlPacket = MQTTnet.Packets.MqttPacket;
using MqttPacket = StreamRnn.Ingest.Mqtt.Codec.MqttPacket;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Channel adapter of MQTTnet's MqttClient: carries the packets that make and end a connection. PUBLISH, acknowledgements and pings never
/// come here; <see cref="MqttConnection"/> reads and <see cref="MqttSender"/> writes them.
/// </summary>
/// <remarks>
/// One MqttClient and one adapter are one connection: a client that is used again acknowledges yesterday's message on today's connection.
/// Nothing is read in <see cref="ReceivePacketAsync"/>, which would hold a thread of the pool for good.
/// </remarks>
internal sealed class BrokerChannelAdapter(BrokerLinkOptions options, BrokerTransport transport, MqttSender sender, CancellationToken cancelled)
    : IMqttChannelAdapter, IMqttClientAdapterFactory
{
    /// <summary>The id of SUBSCRIBE, which no message of ours uses. MqttClient would take 1, which may be in flight.</summary>
    public const ushort SubscribeId = ushort.MaxValue;

    private readonly Channel<ControlPacket> _received = Channel.CreateBounded<ControlPacket>(new BoundedChannelOptions(16) { SingleReader = true });
    private readonly TaskCompletionSource _opened = new();
    private readonly MqttPacketFormatterAdapter _decoder = Formatter(options);
    private readonly Lock _subscribing = new();
    private ushort _subscribedAs;   // the id that MqttClient gave; 0 until it subscribes
    private MqttSubAckPacket? _early;

    public MqttPacketFormatterAdapter PacketFormatterAdapter { get; } = Formatter(options);

    /// <summary>Ends when the transport stands and CONNECT may leave; fails with the transport's reason.</summary>
    public Task Opened => _opened.Task;

    long IMqttChannelAdapter.BytesReceived => 0;

    long IMqttChannelAdapter.BytesSent => 0;

    X509Certificate2? IMqttChannelAdapter.ClientCertificate => null;

    EndPoint? IMqttChannelAdapter.RemoteEndPoint => null;

    EndPoint? IMqttChannelAdapter.LocalEndPoint => null;

    bool IMqttChannelAdapter.IsSecureConnection => options.Tls is not null;

    public IMqttChannelAdapter CreateClientAdapter(MqttClientOptions clientOptions, MqttPacketInspector packetInspector, IMqttNetLogger logger) => this;

    public Task ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            transport.Connect(cancelled);
            _opened.TrySetResult();
            return Task.CompletedTask;
        }
        catch (Exception e)
        {
            _opened.TrySetException(e);
            throw;
        }
    }

    public Task SendPacketAsync(ControlPacket packet, CancellationToken cancellationToken)
    {
        switch (packet)
        {
            case MqttConnectPacket connect:
                connect.KeepAlivePeriod = (ushort)options.KeepAlive.TotalSeconds;
                break;
            case MqttSubscribePacket subscribe:
                lock (_subscribing)
                    _subscribedAs = subscribe.PacketIdentifier;
                subscribe.PacketIdentifier = SubscribeId;
                break;
        }
        if (!sender.TrySend(Encode(packet)))
            throw new MqttCommunicationException(sender.Failure ?? "the connection is over");
        if (packet is MqttSubscribePacket)
            lock (_subscribing)
                if (_early is MqttSubAckPacket early)
                    Hand(early);
        return Task.CompletedTask;
    }

    public async Task<ControlPacket> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _received.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new MqttCommunicationException("the connection is over", e);   // null would be taken for an end without a reason
        }
    }

    /// <summary>Passes a packet to MqttClient.</summary>
    /// <returns>False for one that MQTTnet cannot read, or that comes while too many wait.</returns>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever the decoder makes of a packet from outside must not end the process.")]
    public bool TryReceive(in MqttPacket packet)
    {
        ControlPacket decoded;
        try
        {
            byte[] body = packet.Body.ToArray();
            decoded = _decoder.Decode(new ReceivedMqttPacket((byte)((byte)packet.Type << 4 | packet.Flags), new ArraySegment<byte>(body), packet.Length));
        }
        catch (Exception)
        {
            return false;
        }
        switch (decoded)
        {
            case MqttConnAckPacket connack:
                connack.ServerKeepAlive = 0;   // it would begin to ping
                break;
            case MqttSubAckPacket suback:
                lock (_subscribing)
                {
                    if (_subscribedAs == 0)
                    {
                        _early = suback;
                        return true;
                    }
                    return Hand(suback);
                }
        }
        return _received.Writer.TryWrite(decoded);
    }

    /// <summary>There will be no connection: whoever waits for <see cref="Opened"/> is told.</summary>
    public void Fail(Exception reason) => _opened.TrySetException(reason);

    /// <summary>Ends the connection and wakes a waiting reader of packets.</summary>
    public void End() => _received.Writer.TryComplete();

    /// <summary>Does nothing: <see cref="MqttConnection"/> closes the transport, with the reason.</summary>
    public Task DisconnectAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    void IMqttChannelAdapter.ResetStatistics()
    {
    }

    void IDisposable.Dispose()
    {
    }

    private bool Hand(MqttSubAckPacket suback)
    {
        suback.PacketIdentifier = _subscribedAs;
        return _received.Writer.TryWrite(suback);
    }

    private byte[] Encode(ControlPacket packet)
    {
        if (packet is MqttDisconnectPacket { SessionExpiryInterval: 0 } disconnect && options is { EndSessionOnStop: true, Version: MqttVersion.V5 })
        {
            // MQTTnet leaves an interval of 0 out, and without one that of CONNECT goes on.
            byte[] bytes = new byte[16];
            var properties = new MqttPropertyWriter(stackalloc byte[8]);
            properties.Number(MqttPropertyId.SessionExpiryInterval, 0);
            var ending = new MqttDisconnect { Type = MqttPacketType.Disconnect, ReasonCode = (MqttReasonCode)disconnect.ReasonCode, Properties = properties.Properties };
            MqttPacketWriter.TryWrite(bytes, options.Version, ending, out int written);
            return bytes[..written];
        }
        lock (PacketFormatterAdapter)   // which has one buffer
            return PacketFormatterAdapter.Encode(packet).ToArray();
    }

    private static MqttPacketFormatterAdapter Formatter(BrokerLinkOptions options) =>
        new(options.Version == MqttVersion.V5 ? MqttProtocolVersion.V500 : MqttProtocolVersion.V311, new MqttBufferWriter(256, 65535));
}
