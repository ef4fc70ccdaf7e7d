using System.Globalization;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Payloads;

/// <summary>Objects of numbers, nested at will, against the list of their values.</summary>
public class PayloadModelTests
{
    private sealed record Node(double? Number, Node[] Members)
    {
        public IEnumerable<double> Values => Number is double number ? [number] : Members.SelectMany(member => member.Values);

        public string Json => Number is double number
            ? number.ToString("R", CultureInfo.InvariantCulture)
            : $"{{{string.Join(", ", Members.Select((member, place) => $"\"k{place}\" : {member.Json}"))}}}";
    }

    private static readonly Gen<Node> Leaf = Gen.Double[-1e12, 1e12].Select(number => new Node(number, []));

    private static Gen<Node> Object(int depth) =>
        (depth == 0 ? Leaf : Gen.Frequency((3, Leaf), (1, Object(depth - 1)))).Array[1, 4].Select(members => new Node(null, members));

    [Fact]
    public void Every_number_of_an_object_is_a_tick_with_the_same_bits() => Cases.Check(Object(depth: 2), payload =>
    {
        TickInbox queue = new(4096);
        FaultCounters faults = new(NullLogger.Instance, TimeProvider.System);
        PacketIntake intake = new(new StreamDirectory(1000), new TickRouter([queue]), faults, TimeProvider.System, new IntakeOptions(), NoLog.Instance);

        int count = intake.Accept(new Packet { Topic = "plant"u8, Payload = Encoding.UTF8.GetBytes(payload.Json) });

        Tick[] ticks = new Tick[count];
        Assert.Equal((payload.Values.Count(), 0L), (count, faults.Total));
        Assert.Equal(count, queue.Take(ticks));
        Assert.Equal(payload.Values.Select(BitConverter.DoubleToInt64Bits), ticks.Select(tick => BitConverter.DoubleToInt64Bits(tick.Value)));
    });
}
