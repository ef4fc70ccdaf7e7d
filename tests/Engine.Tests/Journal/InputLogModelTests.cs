using CsCheck;
using StreamRnn.Engine.Tests.Storage;

namespace StreamRnn.Engine.Tests.Journal;

/// <summary>Log writer against log reader: any packets over any number of lives come back as they were.</summary>
public class InputLogModelTests
{
    private static readonly Gen<(ushort Id, double[] Values)[][]> Lives =
        Gen.Select(Gen.UShort, Gen.Double.Array[1, 5]).Select((id, values) => (id, values)).Array[0, 12].Array[1, 4];

    [Fact]
    public void Any_lives_read_as_one() => Cases.Check(Lives, lives =>
    {
        FaultyFiles files = new();
        List<string> expected = [];
        long position = 0;
        int streams = 0;
        foreach ((ushort Id, double[] Values)[] packets in lives)
        {
            using WrittenLog log = new(files, ReadLog.Of(files).End);
            log.State.DefinedStreams = streams;
            foreach ((ushort id, double[] values) in packets)
            {
                log.Append(source: null, qos: 0, id, values);
                position += Math.Max(0, values.Length - streams);   // a stream is defined where it first appears
                streams = Math.Max(streams, values.Length);
                expected.AddRange(values.Select((value, stream) => $"{++position} plant/{stream} {1_767_225_600_000_000_000 + (id * 1_000_000L)} {value:R}"));
            }
        }

        ReadLog read = ReadLog.Of(files);
        Assert.Equal(expected, read.Ticks);
        Assert.Equal(position + 1, read.End.NextPosition);
    }, count: 60);
}
