namespace StreamRnn.Trainer.Evaluation;

/// <summary>
/// Alarms against labelled events. An event is found if an alarm is raised between its first row and its last, however many are; an alarm in
/// no event is false, and each counts.
/// </summary>
/// <param name="Events">Labelled events that have a scored row.</param>
/// <param name="Found">Of these, with an alarm.</param>
/// <param name="FalseAlarms">Alarms outside every event.</param>
public readonly record struct EventScore(int Events, int Found, int FalseAlarms)
{
    /// <summary>Found / (found + false alarms); NaN where there was no alarm.</summary>
    public double Precision => (double)Found / (Found + FalseAlarms);

    /// <summary>Found / events; NaN where there is none.</summary>
    public double Recall => (double)Found / Events;

    /// <summary>Their harmonic mean: 2 found / (2 found + false alarms + missed); NaN where there is neither event nor alarm.</summary>
    public double F1 => 2.0 * Found / (Found + FalseAlarms + Events);

    public static EventScore operator +(EventScore a, EventScore b) => new(a.Events + b.Events, a.Found + b.Found, a.FalseAlarms + b.FalseAlarms);

    /// <param name="times">[rows] nanoseconds since 1970.</param>
    /// <param name="alarms">[rows]; true where an alarm is raised.</param>
    /// <param name="events">First and last time of each; they may touch and overlap.</param>
    /// <param name="from">First row scored.</param>
    /// <param name="to">Row after the last one scored.</param>
    public static EventScore Of(ReadOnlySpan<long> times, ReadOnlySpan<bool> alarms, IReadOnlyList<(long First, long Last)> events, int from, int to)
    {
        bool[] present = new bool[events.Count], found = new bool[events.Count];
        int falseAlarms = 0;
        for (int row = from; row < to; row++)
        {
            bool isInside = false;
            for (int i = 0; i < events.Count; i++)
            {
                if (times[row] < events[i].First || times[row] > events[i].Last)
                    continue;
                (isInside, present[i]) = (true, true);
                found[i] |= alarms[row];
            }
            falseAlarms += alarms[row] && !isInside ? 1 : 0;
        }
        return new EventScore(present.Count(one => one), found.Count(one => one), falseAlarms);
    }
}
