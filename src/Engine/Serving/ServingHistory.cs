using StreamRnn.Detection;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Serving;

/// <summary>The set-ups that the steps of a data directory were and will be made with, the oldest first, and where in the log each begins.</summary>
internal sealed class ServingHistory
{
    private readonly List<(long Position, ServingPlan Plan)> _plans = [];

    /// <summary>The one that holds at the end; null where there is none yet.</summary>
    public ServingPlan? Last => _plans.Count == 0 ? null : _plans[^1].Plan;

    public int Count => _plans.Count;

    /// <summary>Position at which the last set-up begins.</summary>
    public long LastPosition => _plans.Count == 0 ? 0 : _plans[^1].Position;

    public ServingPlan this[int number] => _plans[number].Plan;

    /// <summary>Adds the next one.</summary>
    /// <param name="position">Of its record, or of the snapshot that was written under it.</param>
    public void Add(long position, ServingPlan plan)
    {
        if (!plan.Equals(Last))
            _plans.Add((position, plan));
    }

    /// <summary>Adds what a frame says.</summary>
    /// <param name="after">Records up to here do not count.</param>
    public void Add(ReadOnlySpan<byte> records, long firstPosition, long after)
    {
        FrameReader frame = new(records, firstPosition);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.Kind == LogRecordKind.ServingPlan && record.Position > after)
                Add(record.Position, ServingPlan.Parse(record.Bytes));
            frame.SkipTicks(record.TickCount);
        }
    }

    /// <summary>The number of the set-up that takes another's place at a position; 0 for none.</summary>
    public int At(long position) => Math.Max(0, _plans.FindLastIndex(entry => entry.Position == position));

    /// <summary>A map of all of them, the last of them the present one.</summary>
    /// <param name="load">Finds a model.</param>
    public StreamModels Map(StreamDirectory directory, Func<PlannedModel, Forecaster> load)
    {
        StreamModels[] maps = [.. _plans.Select(entry => entry.Plan.Map(directory, load))];
        return maps[^1].After(maps[..^1]);
    }
}
