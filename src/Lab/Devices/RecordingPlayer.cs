using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Lab.Devices;

/// <summary>Plays recordings to a broker: a device simulator. One connection, one thread.</summary>
/// <param name="client">Connected; the caller's to stop.</param>
/// <param name="rate">Messages per second; 0 is as fast as the broker takes them.</param>
public sealed class RecordingPlayer(DeviceClient client, byte qos, double rate)
{
    private readonly Pace _pace = new(rate);
    private long _published;
    private long _skipped;

    /// <summary>Messages handed to the client.</summary>
    public long Published => Interlocked.Read(ref _published);

    /// <summary>Rows without a time or a value that could be sent.</summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>Publishes every row, or the first ones, to each of the topics in turn.</summary>
    /// <param name="rows">Largest number of rows.</param>
    public void Play(CsvRecording recording, DevicePayload payload, IReadOnlyList<string> topics, long rows, CancellationToken stop)
    {
        while (recording.RowCount < rows && recording.TryRead())
        {
            ReadOnlySpan<byte> message = payload.Write(recording);
            if (message.IsEmpty)
            {
                Interlocked.Increment(ref _skipped);
                continue;
            }
            foreach (string topic in topics)
            {
                if (!WaitUntilDue(stop))
                    return;
                client.Publish(topic, message, qos);
                Interlocked.Increment(ref _published);
            }
        }
    }

    /// <returns>False when there is to be no further message.</returns>
    private bool WaitUntilDue(CancellationToken stop)
    {
        TimeSpan wait = _pace.Next();
        if (wait > TimeSpan.Zero)
            stop.WaitHandle.WaitOne(wait);
        return !stop.IsCancellationRequested;
    }
}
