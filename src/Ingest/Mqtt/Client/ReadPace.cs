using System.Diagnostics;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Lets messages gather where a broker sends many in small pieces: mosquitto writes a few at a time, and a system call for each, with
/// another for its acknowledgement, costs several times the CPU of the messages. Small reads that follow each other without a pause are
/// followed by one.
/// </summary>
internal struct ReadPace
{
    private const int SmallBytes = 4096;
    private const int Reads = 16;

    // So many small reads in less than this are some 16,000 a second: what waits a millisecond longer comes in hundreds.
    private static readonly TimeSpan Close = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private int _small;
    private long _since;

    /// <summary>Notes that the bytes of a read have been handled.</summary>
    /// <param name="bytes">Of it.</param>
    public void After(int bytes)
    {
        if (bytes > SmallBytes)
        {
            _small = 0;
            return;
        }
        if (_small++ == 0)
            _since = Stopwatch.GetTimestamp();
        if (_small < Reads)
            return;
        _small = 0;
        if (Stopwatch.GetElapsedTime(_since) < Close)
            Thread.Sleep(Pause);
    }
}
