namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// The one thread that writes to all sockets. A thread with something to send marks the connection and returns; messages that gather while
/// other connections are served leave together. A socket that takes nothing is tried again a little later and delays no other.
/// </summary>
internal sealed class BrokerSender : IDisposable
{
    private const int RetryMilliseconds = 5;

    [ThreadStatic]
    private static List<BrokerConnection>? _gathered;   // what this thread will serve itself

    [ThreadStatic]
    private static bool _gathering;

    private readonly object _lock = new();
    private readonly Thread _thread;
    private List<BrokerConnection> _marked = [];
    private List<BrokerConnection> _serving = [];
    private readonly List<BrokerConnection> _stalled = [];
    private bool _sleeping;
    private bool _stopped;

    public BrokerSender()
    {
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "mqtt broker sender" };
        _thread.Start();
    }

    public void Mark(BrokerConnection connection)
    {
        if (!connection.TryMark())
            return;
        if (_gathering)
        {
            _gathered!.Add(connection);
            return;
        }
        lock (_lock)
        {
            _marked.Add(connection);
            if (_sleeping)
                Monitor.Pulse(_lock);
        }
    }

    /// <summary>Collects what this thread marks until its <see cref="Flush"/>; the sender sleeps meanwhile.</summary>
    public static void Gather(bool start)
    {
        _gathered ??= [];
        _gathering = start;
    }

    /// <summary>Sends, on this thread, what it has gathered.</summary>
    public static void Flush()
    {
        if (_gathered is not List<BrokerConnection> gathered)
            return;
        foreach (BrokerConnection connection in gathered)
            connection.ServeNow();
        gathered.Clear();
    }

    /// <summary>Tries once more to send what is marked, then ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopped = true;
            Monitor.Pulse(_lock);
        }
        _thread.Join();
    }

    private void Run()
    {
        while (TakeMarked())
        {
            foreach (BrokerConnection connection in _serving)
            {
                if (!connection.Serve() && connection.TryMark())
                    _stalled.Add(connection);
            }
            _serving.Clear();
        }
    }

    private bool TakeMarked()
    {
        lock (_lock)
        {
            while (_marked.Count == 0)
            {
                if (_stopped)
                    return false;
                _sleeping = true;
                bool pulsed = Monitor.Wait(_lock, _stalled.Count > 0 ? RetryMilliseconds : Timeout.Infinite);
                _sleeping = false;
                if (!pulsed)
                    break;
            }
            (_marked, _serving) = (_serving, _marked);
        }

        _serving.AddRange(_stalled);
        _stalled.Clear();
        return true;
    }
}
