using CsCheck;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Delivery;

/// <summary>The ledger against a queue of plain counters.</summary>
public class PacketLedgerModelTests
{
    private const int Capacity = 8;

    /// <summary>Opens a packet of so many ticks.</summary>
    private sealed record Open(int Ticks);

    /// <summary>Completes a tick of one of the open packets, counted from the oldest.</summary>
    private sealed record Complete(int Which);

    /// <summary>Takes at most so many acknowledgements.</summary>
    private sealed record Take(int AtMost);

    private static readonly Gen<object> Step = Gen.Frequency(
        (4, Gen.Int[0, 3].Select(ticks => (object)new Open(ticks))),
        (6, Gen.Int[0, Capacity - 1].Select(which => (object)new Complete(which))),
        (2, Gen.Int[1, 5].Select(most => (object)new Take(most))));

    [Fact]
    public void Any_order_of_completion_acknowledges_in_the_order_of_arrival() => Cases.Check(Step.Array[0, 60], steps =>
    {
        PacketLedger ledger = new(Capacity, () => { });
        List<(long Packet, ushort Id, int Pending)> model = [];
        ushort id = 0;
        foreach (object step in steps)
        {
            switch (step)
            {
                case Open open when model.Count < Capacity:
                    model.Add((ledger.TryOpen(++id, 1, open.Ticks), id, open.Ticks));
                    break;
                case Complete complete when complete.Which < model.Count && model[complete.Which] is { Pending: > 0 } entry:
                    ledger.Complete(entry.Packet);
                    model[complete.Which] = entry with { Pending = entry.Pending - 1 };
                    break;
                case Take take:
                    PacketAcknowledgement[] into = new PacketAcknowledgement[take.AtMost];
                    PacketAcknowledgement[] expected = [.. model.TakeWhile(entry => entry.Pending == 0).Take(take.AtMost).Select(entry => new PacketAcknowledgement(entry.Id, 1))];
                    Assert.Equal(expected, into.Take(ledger.Take(into)));
                    model.RemoveRange(0, expected.Length);
                    break;
                default:
                    break;   // has nothing to act on
            }
            Assert.Equal(model.Count, ledger.OpenCount);
        }
    }, count: 500);
}
