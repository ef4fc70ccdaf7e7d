namespace StreamRnn.Trainer.Fit;

/// <summary>Rows [Start, End).</summary>
public readonly record struct RowRange(int Start, int End)
{
    public int Count => End - Start;

    public bool Contains(RowRange other) => other.Start >= Start && other.End <= End;

    public override string ToString() => $"[{Start}, {End})";
}

/// <summary>Training would see what it is measured on.</summary>
internal sealed class LeakException(string message) : InvalidOperationException(message);

/// <summary>
/// A series cut in time: training, then validation (stops the training and chooses the model), then test (measured once, at the end). Before
/// each border a purge gap of a window and the farthest horizon is left out, so that no row is in two parts, neither as an input nor as a target.
/// </summary>
/// <remarks>The parts end where asked; the gaps are taken from the end of the part before.</remarks>
public sealed record TimeSplit
{
    /// <summary>A part with fewer rows is too short to train on, or to measure with.</summary>
    private const int FewestRows = 8;

    /// <param name="name">Of the series, for messages.</param>
    /// <param name="count">Rows of the series.</param>
    /// <param name="training">Rows for training; below or equal to 1 it is a share of all, and so are the others.</param>
    /// <param name="validation">Rows after them; 0 for none.</param>
    /// <param name="test">Rows after those; 0 for none.</param>
    /// <param name="purge">Rows left out before each border.</param>
    /// <exception cref="InvalidDataException">The series is too short for it.</exception>
    public TimeSplit(string name, int count, double training, double validation, double test, int purge)
    {
        int trainingEnd = Rows(training, count);
        int validationEnd = validation > 0 ? trainingEnd + Rows(validation, count) : trainingEnd;
        int testEnd = test > 0 ? Math.Min(count, Rest(validationEnd + Rows(test, count), count, training + validation + test)) : validationEnd;
        Purge = purge;
        Training = new RowRange(0, validationEnd == testEnd && validation == 0 ? trainingEnd : trainingEnd - purge);
        Validation = new RowRange(trainingEnd, test > 0 && validation > 0 ? validationEnd - purge : validationEnd);
        Test = new RowRange(validationEnd, testEnd);
        if (trainingEnd > count || validationEnd > count || Training.Count < FewestTrainingRows || (validation > 0 && Validation.Count < FewestRows)
            || (test > 0 && Test.Count < FewestRows))
        {
            double needed = Math.Max(Needed(training, FewestTrainingRows + (validation > 0 || test > 0 ? purge : 0)),
                Math.Max(Needed(validation, FewestRows + (test > 0 ? purge : 0)), Needed(test, FewestRows)));
            needed = training > 1 ? Math.Max(needed, training + validation + test) : needed;
            throw new InvalidDataException($"{name}: {count} {(count == 1 ? "row is" : "rows are")} too few; {(double.IsFinite(needed) ? $"{needed} or more are needed" : "no number of rows is enough")} "
                + $"for this split, with {FewestTrainingRows} rows to train on, {FewestRows} in each other part and {purge} left out before each border (the window and the horizon). "
                + "Record more, or set a shorter --window or another --split.");
        }
    }

    public RowRange Training { get; }

    /// <summary>Empty where there is none.</summary>
    public RowRange Validation { get; }

    /// <summary>Empty where there is none.</summary>
    public RowRange Test { get; }

    public int Purge { get; }

    /// <exception cref="LeakException">Rows that were fitted to are not training rows alone.</exception>
    public void RequireTraining(string what, RowRange fitted)
    {
        if (!Training.Contains(fitted))
            throw new LeakException($"{what}: rows {fitted} were used, training has {Training}; what is fitted to validation or test rows knows the answers.");
    }

    /// <exception cref="LeakException">A window reaches beyond its part or into the gap.</exception>
    public void RequireApart(RowRange trainingRows)
    {
        RequireTraining("training windows", trainingRows);
        foreach (RowRange part in (ReadOnlySpan<RowRange>)[Validation, Test])
        {
            if (part.Count > 0 && trainingRows.End + Purge > part.Start)
                throw new LeakException($"training windows: rows {trainingRows} end less than {Purge} rows before {part}, where others are measured.");
        }
    }

    private static int Rows(double part, int count) => part <= 1 ? (int)Math.Floor(part * count + 1e-9) : (int)part;

    // Shares that add up to one leave no row over.
    private static int Rest(int end, int count, double shares) => Math.Abs(shares - 1) < 1e-9 ? count : end;

    /// <summary>Rows of the whole series that make this part long enough; infinite where its own number of rows is too small.</summary>
    private static double Needed(double part, int rows) =>
        part == 0 ? 0 : part <= 1 ? Math.Ceiling(rows / part - 1e-9) : part >= rows ? 0 : double.PositiveInfinity;

    /// <summary>One window and its horizon.</summary>
    private int FewestTrainingRows => Math.Max(FewestRows, Purge);
}
