namespace StreamRnn.Trainer.Verification;

/// <summary>One thing that was computed here and compared with the truth.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Count">Numbers compared.</param>
/// <param name="AbsoluteError">The largest; infinite where a number of ours is none.</param>
/// <param name="RelativeError">The largest absolute error over the largest magnitude of the truth.</param>
/// <param name="Tolerance">Tolerance of the absolute error.</param>
public sealed record Quantity(string Name, int Count, double AbsoluteError, double RelativeError, double Tolerance)
{
    public bool Holds => AbsoluteError <= Tolerance;

    /// <param name="found">Ours.</param>
    /// <param name="truth">As many, finite, not none.</param>
    internal static Quantity Compare(string name, ReadOnlySpan<double> found, ReadOnlySpan<double> truth, double tolerance)
    {
        if (found.Length != truth.Length || truth.IsEmpty)
            throw new ArgumentException($"{name}: {found.Length} numbers against {truth.Length}.", nameof(found));
        double error = 0;
        for (int i = 0; i < found.Length; i++)
            error = double.IsFinite(found[i]) ? Math.Max(error, Math.Abs(found[i] - truth[i])) : double.PositiveInfinity;
        double largest = Largest(truth);
        return new Quantity(name, found.Length, error, error == 0 ? 0 : error / largest, tolerance);
    }

    /// <summary>The same with a tolerance for each number; what is reported is the one farthest beyond its own, or the largest error where none is.</summary>
    internal static Quantity Compare(string name, ReadOnlySpan<double> found, ReadOnlySpan<double> truth, ReadOnlySpan<double> tolerances)
    {
        Quantity all = Compare(name, found, truth, tolerance: 0);
        (double error, double tolerance) = (0, tolerances[0]);
        for (int i = 0; i < found.Length; i++)
        {
            double one = double.IsFinite(found[i]) ? Math.Abs(found[i] - truth[i]) : double.PositiveInfinity;
            bool isWorse = one > tolerances[i] ? error <= tolerance || one / tolerances[i] > error / tolerance : error <= tolerance && one > error;
            if (isWorse)
                (error, tolerance) = (one, tolerances[i]);
        }
        return all with { AbsoluteError = error, RelativeError = error == 0 ? 0 : error / Largest(truth), Tolerance = tolerance };
    }

    internal static double Largest(ReadOnlySpan<double> numbers)
    {
        double largest = 0;
        foreach (double number in numbers)
            largest = Math.Max(largest, Math.Abs(number));
        return largest;
    }

    internal static double LargestDifference(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double largest = 0;
        for (int i = 0; i < a.Length; i++)
            largest = Math.Max(largest, Math.Abs(a[i] - b[i]));
        return largest;
    }
}

/// <summary>A file, what it was compared with, and the result.</summary>
/// <param name="Kind">Description of the content recognised.</param>
/// <param name="Description">For people: the network and how much was run.</param>
/// <param name="Quantities">Never empty.</param>
public sealed record CheckResult(string File, string Kind, string Description, IReadOnlyList<Quantity> Quantities)
{
    public bool Holds => Quantities.Count > 0 && Quantities.All(quantity => quantity.Holds);
}
