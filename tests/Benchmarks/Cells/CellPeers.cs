using System.Numerics.Tensors;
using StreamRnn.Cells.Layers;
using StreamRnn.Lab.Bench;

namespace StreamRnn.Benchmarks.Cells;

/// <summary>
/// Our step of one stream beside the two ways in which it would be written without us, in turns, so that what else the machine does
/// happens to all three: the formulas in plain loops, and a dot product per row by <see cref="TensorPrimitives"/>.
/// </summary>
internal static class CellPeers
{
    private const int Rounds = 31;
    private const double RoundNanoseconds = 2e6;

    public static void Print(TextWriter output)
    {
        output.WriteLine("cell,hidden,ns,tensor_primitives_ns,plain_ns,times_tensor_primitives,times_plain");
        foreach (CellKind cell in (CellKind[])[CellKind.Lstm, CellKind.Gru, CellKind.Rnn])
        {
            foreach (int hidden in (int[])[16, 32, 64, 128, 256])
            {
                ModelShape shape = new(cell, 1, hidden);
                float[] parameters = CellWorkload.Parameters(shape, new Random(1)), x = [0.5f];
                PlainCell plain = new(shape, parameters), tensor = new(shape, parameters) { UsesTensorPrimitives = true };
                float[] h = new float[hidden], c = new float[hidden];
                CellWorkload ours = new(new ModelShape(cell, 1, hidden, 1, 2), streams: 1, batch: 1);
                double[] Measure() => Medians(ours.Next, () => tensor.Step(x, h, c), () => plain.Step(x, h, c));
                Measure();   // until the loops are compiled in their last form
                double[] ns = Measure();
                output.WriteLine($"{cell.ToString().ToLowerInvariant()},{hidden},{ns[0]:f1},{ns[1]:f1},{ns[2]:f1},{ns[1] / ns[0]:f1},{ns[2] / ns[0]:f1}");
            }
        }
    }

    private static double[] Medians(params Action[] peers)
    {
        double[][] times = [.. peers.Select(_ => new double[Rounds])];
        for (int round = 0; round < Rounds; round++)
            for (int peer = 0; peer < peers.Length; peer++)
                times[peer][round] = Time(peers[peer]);
        foreach (double[] all in times)
            Array.Sort(all);
        return [.. times.Select(all => all[Rounds / 2])];
    }

    private static double Time(Action step)
    {
        double before = ThreadCpu.Nanoseconds, used;
        int steps = 0;
        do
        {
            for (int i = 0; i < 64; i++)
                step();
            steps += 64;
        }
        while ((used = ThreadCpu.Nanoseconds - before) < RoundNanoseconds);
        return used / steps;
    }
}
