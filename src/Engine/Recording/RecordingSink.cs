using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Telemetry;

namespace StreamRnn.Engine.Recording;

/// <summary>
/// Records every stepped tick as recordings that <c>replay</c> reads. The publishing thread only copies; a writer thread gathers the ticks
/// of a moment, groups them by stream and writes them. When the writer is behind by its whole buffer, publishing waits.
/// </summary>
/// <remarks>A disk that is full or broken ends the recording, with one line and a count of what is missing, and never the worker.</remarks>
public sealed class RecordingSink : IForecastSink
{
    /// <summary>Ticks gathered before they are written: a few to a file even where thousands of streams share a second.</summary>
    private const int Capacity = 32_768;

    /// <summary>Longest wait of a tick for others, and the loss of a kill without a data directory.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(200);

    private readonly object _lock = new();
    private readonly RecordingFolder _folder;
    private readonly WorkerMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly long[] _order = new long[Capacity];
    private RecordedTick[] _gathered = new RecordedTick[Capacity];
    private RecordedTick[] _writing = new RecordedTick[Capacity];
    private int _count;
    private long _received;
    private long _settled;
    private bool _isWanted;
    private bool _completed;
    private bool _failed;
    private long _gaps;

    /// <param name="folder">Its end is this sink's to see to.</param>
    public RecordingSink(RecordingFolder folder, WorkerMetrics metrics, ILogger logger)
    {
        (_folder, _metrics, _logger) = (folder, metrics, logger);
        _thread = new Thread(Run) { Name = "recording", IsBackground = true };
        _thread.Start();
    }

    public string Name => "recording";

    public bool TakesRepeats => true;

    /// <summary>Ticks that are missing because the disk was full or could not be written.</summary>
    public long LostCount { get; private set; }

    public void Write(ReadOnlySpan<Forecast> forecasts)
    {
        lock (_lock)
        {
            foreach (ref readonly Forecast forecast in forecasts)
            {
                while (_count == Capacity && !_failed)
                    Monitor.Wait(_lock);
                if (_failed)
                {
                    Lose(1);
                    continue;
                }
                _gathered[_count++] = new RecordedTick(forecast.Stream, forecast.Verdict.N, forecast.Time, forecast.Value);
                _received++;
                if (_count == 1 || _count == Capacity / 2)
                    Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Returns when everything taken so far is in the files, which a kill of the process leaves alone; any thread.</summary>
    public void Settle()
    {
        lock (_lock)
        {
            long received = _received;
            while (_settled < received && !_failed)
            {
                _isWanted = true;
                Monitor.PulseAll(_lock);
                Monitor.Wait(_lock);
            }
        }
    }

    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
            Monitor.PulseAll(_lock);
        }
        _thread.Join();
        _folder.Dispose();
    }

    private void Run()
    {
        while (TryTake(out int count))
        {
            try
            {
                Write(_writing.AsSpan(0, count));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Fail(e.Message);
                return;
            }
            lock (_lock)
            {
                _settled += count;
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Waits for the first tick, then a moment for others.</summary>
    /// <returns>False when no more will come.</returns>
    private bool TryTake(out int count)
    {
        lock (_lock)
        {
            while (_count == 0 && !_completed)
                Monitor.Wait(_lock);
            long until = Environment.TickCount64 + (long)Gathering.TotalMilliseconds;
            for (long left; _count < Capacity / 2 && !_isWanted && !_completed && (left = until - Environment.TickCount64) > 0;)
                Monitor.Wait(_lock, (int)left);
            (_gathered, _writing, count) = (_writing, _gathered, _count);
            (_count, _isWanted) = (0, false);
            Monitor.PulseAll(_lock);
            return count > 0;
        }
    }

    private void Write(ReadOnlySpan<RecordedTick> ticks)
    {
        Span<long> order = _order.AsSpan(0, ticks.Length);
        for (int i = 0; i < ticks.Length; i++)
            order[i] = ((long)ticks[i].Stream << 32) | (uint)i;
        order.Sort();
        foreach (long key in order)
            _folder.Add(in ticks[(int)(uint)key]);
        _folder.Flush();
        if (_folder.GapCount > _gaps)
        {
            if (_gaps == 0)
                Log.RecordingBeginsLate(_logger, _folder.LastGap);
            _metrics.RecordingsBegunLate((int)(_folder.GapCount - _gaps));
            _gaps = _folder.GapCount;
        }
    }

    private void Fail(string error)
    {
        Log.RecordingEnded(_logger, error);
        lock (_lock)
        {
            _failed = true;
            Lose(_received - _folder.WrittenCount);
            Monitor.PulseAll(_lock);
        }
    }

    private void Lose(long ticks)
    {
        LostCount += ticks;
        _metrics.RecordingLost(ticks);
    }
}
