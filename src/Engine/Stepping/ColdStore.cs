using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Telemetry;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// Working files of the data directory for streams that are not in memory, one per shard and kind of row. Nothing durable lies there: the
/// files are never flushed, and are removed at the start and at the end, because snapshots and log hold all of it.
/// </summary>
/// <param name="streamsInMemory">Rows that all shards together may hold.</param>
/// <param name="failed">Receives the reason, with the remedy, when the process must end.</param>
public sealed class ColdStore(IDataFiles files, int streamsInMemory, Action<string> failed, ILogger logger) : IDisposable
{
    // How often a full disk is asked again.
    private static readonly TimeSpan FullDiskPause = TimeSpan.FromMilliseconds(500);

    private readonly List<ColdRows> _rows = [];
    private readonly object _lock = new();
    private bool _isFull;
    private bool _ending;

    /// <summary>Rows that all shards together may hold.</summary>
    public int StreamsInMemory => streamsInMemory;

    /// <summary>True if a shard stands still because the disk is full.</summary>
    public bool IsFull => Volatile.Read(ref _isFull);

    /// <summary>Traffic to the disk since the start.</summary>
    public RowTraffic Evicted => Sum(rows => rows.Evicted);

    /// <summary>Rows returned to memory since the start.</summary>
    public RowTraffic Returned => Sum(rows => rows.Returned);

    /// <summary>Removes what a worker that was killed has left.</summary>
    public static void Clear(IDataFiles files)
    {
        foreach (string name in files.List().Where(ColdRows.IsName))
            files.Delete(name);
    }

    /// <summary>The rows of a kind in one shard; empty.</summary>
    public ColdRows Open(int shard, int kind, int rowFloats)
    {
        ColdRows rows = new(files, ColdRows.Name(shard, kind), rowFloats);
        lock (_lock)
            _rows.Add(rows);
        return rows;
    }

    /// <summary>The disk is full: waits a moment.</summary>
    /// <returns>False when the worker is to end, and nobody waits for room any more.</returns>
    public bool WaitForRoom()
    {
        lock (_lock)
        {
            if (!_isFull && !_ending)
                Log.ColdRowsDiskFull(logger);
            Volatile.Write(ref _isFull, !_ending);
            if (!_ending)
                Monitor.Wait(_lock, FullDiskPause);
            return !_ending;
        }
    }

    /// <summary>A row was written.</summary>
    public void HasRoom()
    {
        if (!IsFull)
            return;
        Log.ColdRowsHaveRoom(logger);
        Volatile.Write(ref _isFull, false);
    }

    /// <summary>Ends the wait for room on the disk at the end of intake: a shard whose rows have no room keeps them in memory.</summary>
    public void EndWaiting()
    {
        lock (_lock)
        {
            _ending = true;
            Volatile.Write(ref _isFull, false);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>A stream's state is lost to this process.</summary>
    public void Fail(string reason) => failed(reason);

    public void Dispose()
    {
        foreach (ColdRows rows in _rows)
            rows.Dispose();
        Clear(files);
    }

    private RowTraffic Sum(Func<ColdRows, RowTraffic> of)
    {
        lock (_lock)
            return _rows.Aggregate(new RowTraffic(), (sum, rows) => new RowTraffic(sum.Rows + of(rows).Rows, sum.Bytes + of(rows).Bytes));
    }
}

/// <summary>Rows that have gone one way.</summary>
public readonly record struct RowTraffic(long Rows, long Bytes);
