using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Intake;

public class NoLogTests
{
    [Fact]
    public void Every_position_is_durable_at_once()
    {
        NoLog.Instance.WaitUntilDurable(long.MaxValue);
        Assert.Equal(long.MaxValue, NoLog.Instance.DurablePosition);
        Assert.False(NoLog.Instance.IsKept);
    }

    [Fact]
    public void A_packet_is_acknowledged_by_the_caller()
    {
        int due = 0;
        var ledger = new PacketLedger(8, () => due++);
        NoLog.Instance.Acknowledge(position: 5, ledger, ledger.TryOpen(1, 1, 1));
        Assert.Equal(1, due);
        Assert.True(ledger.IsDue);
    }
}
