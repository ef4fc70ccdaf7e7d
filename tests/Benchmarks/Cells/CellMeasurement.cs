using StreamRnn.Cells;

namespace StreamRnn.Benchmarks.Cells;

/// <summary>
/// Nanoseconds of processor time per event of one shape, with the floor measured in the same breath: on a machine that others use too, the ratio of the two
/// says more than either.
/// </summary>
/// <param name="Nanoseconds">Look-up of the stream, state, step and head; median of blocks.</param>
/// <param name="FloorNanoseconds">The multiply-adds of the event at the peak rate of this core.</param>
internal readonly record struct CellMeasurement(double Nanoseconds, double FloorNanoseconds)
{
    private const int Blocks = 41;

    /// <summary><c>lat</c> steps one stream alone, <c>many</c> steps 10,000 in random order.</summary>
    public static void PrintAll(TextWriter output)
    {
        output.WriteLine("program,mode,cell,inputs,hidden,layers,batch,ns,times_floor");
        foreach (CellKind cell in (CellKind[])[CellKind.Lstm, CellKind.Gru])
            foreach (int inputs in (int[])[1, 2, 4])
                foreach (int hidden in (int[])[16, 32, 64, 128, 256])
                    foreach ((string mode, int streams, int batch) in ((string, int, int)[])[("lat", 1, 1), ("many", 10_000, 1), ("many", 10_000, 16), ("many", 10_000, 64)])
                    {
                        CellMeasurement result = Of(new ModelShape(cell, inputs, hidden, 1, 2), streams, batch);
                        output.WriteLine($"streamrnn,{mode},{cell.ToString().ToLowerInvariant()},{inputs},{hidden},1,{batch},"
                            + $"{result.Nanoseconds:f1},{result.Nanoseconds / result.FloorNanoseconds:f2}");
                    }
    }

    public static CellMeasurement Of(ModelShape shape, int streams, int batch)
    {
        var workload = new StepWorkload(shape, streams, batch);
        double multiplyAdds = Enumerable.Range(0, shape.Layers).Sum(layer => (double)shape.Gates * shape.Hidden * (shape.InputsOf(layer) + shape.Hidden))
            + (double)shape.Outputs * shape.Hidden;
        int steps = (int)Math.Clamp(1e7 / multiplyAdds / batch, 1, 10_000), rounds = 20_000;
        double[] stepTimes = new double[Blocks], peakTimes = new double[Blocks];
        for (int block = 0; block < Blocks; block++)
        {
            TimeSpan start = Environment.CpuUsage.TotalTime;
            for (int i = 0; i < steps; i++)
                workload.Next();
            stepTimes[block] = (Environment.CpuUsage.TotalTime - start).TotalNanoseconds / steps / batch;

            start = Environment.CpuUsage.TotalTime;
            MultiplyAddPeak.Run(rounds);
            peakTimes[block] = (Environment.CpuUsage.TotalTime - start).TotalNanoseconds / rounds / MultiplyAddPeak.PerRound;
        }

        return new CellMeasurement(Median(stepTimes), Median(peakTimes) * multiplyAdds);
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
