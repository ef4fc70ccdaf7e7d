using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

internal sealed record TakenMessage(string Topic, string Payload, byte Qos, bool Retain, bool Dup, PacketLedger Ledger, long Packet);

/// <summary>A broker on a free port whose handler remembers what it was given.</summary>
internal sealed class TestBroker : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly BlockingCollection<TakenMessage> _taken = [];

    /// <param name="holdAcknowledgements">Packets stay open until the test completes them.</param>
    public TestBroker(MqttBrokerOptions? options = null, bool holdAcknowledgements = false, ILogger? log = null, IDeliveryJournal? journal = null,
        Action<MqttBroker>? beforeStart = null)
    {
        Broker = new MqttBroker((options ?? new MqttBrokerOptions()) with { Port = 0 }, take, log, Time, journal: journal);
        beforeStart?.Invoke(Broker);
        Broker.Start();

        void take(in MqttPublish publish, in MqttPublishContext context)
        {
            long packet = publish.Qos == 0 ? -1 : context.Ledger.TryOpen(publish.PacketId, publish.Qos, holdAcknowledgements ? 1 : 0);
            _taken.Add(new TakenMessage(Encoding.UTF8.GetString(publish.Topic), Encoding.UTF8.GetString(publish.Payload), publish.Qos,
                publish.Retain, publish.Dup, context.Ledger, packet));
        }
    }

    public MqttBroker Broker { get; }

    public FakeTimeProvider Time { get; } = new();

    public int UntakenCount => _taken.Count;

    public TakenMessage Take()
    {
        Assert.True(_taken.TryTake(out TakenMessage? message, Deadline), "no message reached the handler in time");
        return message;
    }

    public WireClient Open(MqttVersion version) => new(Broker.EndPoint!, version);

    /// <summary>A connected client, accepted.</summary>
    public WireClient Connect(MqttVersion version, string clientId = "", bool cleanStart = true, uint expirySeconds = 0)
    {
        WireClient client = Open(version);
        var properties = new MqttPropertyWriter(new byte[16]);
        if (version == MqttVersion.V5 && expirySeconds > 0)
            properties.Number(MqttPropertyId.SessionExpiryInterval, expirySeconds);
        MqttConnack connack = client.Connect(new MqttConnect
        {
            CleanStart = cleanStart,
            ClientId = Encoding.UTF8.GetBytes(clientId),
            Properties = properties.Properties,
        });
        Assert.Equal(MqttReasonCode.Success, connack.ReasonCode);
        return client;
    }

    /// <summary>Waits until the broker says so.</summary>
    public static void Until(Func<bool> condition, string what) =>
        Assert.True(SpinWait.SpinUntil(condition, Deadline), $"not in time: {what}");

    public void UntilClosed(MqttBrokerClose reason, long count = 1) =>
        Until(() => Broker.Counters.Closed(reason) >= count, $"{count} connections closed for {reason}");

    public void Dispose()
    {
        Broker.Dispose();
        _taken.Dispose();
    }
}
