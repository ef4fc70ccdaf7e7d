using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Lab.Bench;

/// <summary>Readings of many sensors, once a second each, in turn: a daily wave, independent noise for each, two decimals.</summary>
internal sealed class BenchSource(int streams, TickRouter router)
{
    private const int Block = 256;

    private readonly PacketBlocks _packet = new();
    private readonly double[] _noise = Noise();
    private long _sent;

    /// <summary>Feeds ticks until so much CPU time has gone, waiting whenever the queue is full, as it is at both ends.</summary>
    public (long Ticks, double CpuSeconds) FeedFor(double seconds, long minimum)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long first = _sent;
        double used;
        do
        {
            for (int block = 0; block < 64; block++)
                Feed();
            used = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        }
        while (used < seconds || _sent - first < minimum);
        return (_sent - first, used);
    }

    private void Feed()
    {
        _packet.Begin();
        for (int i = 0; i < Block; i++, _sent++)
        {
            long second = _sent / streams;
            int stream = (int)(_sent % streams);
            double wave = Math.Abs(((second + (97 * stream)) % 86_400) - 43_200) / 4320.0;
            _packet.Add(new Tick { Stream = stream, Time = second * 1_000_000_000, Value = Math.Round(20 + wave + _noise[(int)(_sent * 31 % _noise.Length)], 2) });
        }
        router.Route(_packet);
    }

    private static double[] Noise()
    {
        Random random = new(7);
        return [.. Enumerable.Range(0, 4093).Select(_ => random.NextDouble() + random.NextDouble() - 1)];
    }
}
