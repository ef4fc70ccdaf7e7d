using System.Diagnostics;

namespace StreamRnn.Lab.Devices;

/// <summary>Spreads messages evenly over time: message i is due i / rate seconds after the first.</summary>
/// <param name="rate">Messages per second; 0 is as fast as they can be sent.</param>
internal sealed class Pace(double rate)
{
    private long _count;
    private long _startedAt;

    /// <summary>Counts a message in.</summary>
    /// <returns>The time to wait before the next is sent; zero or less when it is due.</returns>
    public TimeSpan Next()
    {
        if (_count++ == 0)
            _startedAt = Stopwatch.GetTimestamp();
        return rate > 0 ? TimeSpan.FromSeconds((_count - 1) / rate) - Stopwatch.GetElapsedTime(_startedAt) : TimeSpan.Zero;
    }
}
