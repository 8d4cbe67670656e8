using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>Prints a script as a test class of its own: it compiles as it stands in a project that references EmbeddedMq and xunit.</summary>
internal static partial class ScriptReport
{
    /// <summary>Prints it.</summary>
    /// <param name="seed">The seed that it came from.</param>
    /// <param name="script">Its calls.</param>
    /// <param name="difference">What differs after the last one, as comments.</param>
    internal static string Print(int seed, IReadOnlyList<Command> script, string difference)
    {
        string[] names = [.. script.SelectMany(static command => Variable().Matches(command.Code).Select(static match => match.Value)).Distinct().Order(StringComparer.Ordinal)];
        StringBuilder text = new();
        text.AppendLine("using EmbeddedMq;").AppendLine("using Xunit;").AppendLine()
            .AppendLine(CultureInfo.InvariantCulture, $"public sealed class Seed{seed}").AppendLine("{")
            .AppendLine("    [Fact]")
            .AppendLine(CultureInfo.InvariantCulture, $"    public async Task Script_Seed{seed}_ShowsTheSameOnBothEngines()").AppendLine("    {")
            .AppendLine("        await using IBroker broker = await Broker.StartAsync(new BrokerOptions()); // and: await RabbitMqBroker.StartAsync(new RabbitMqOptions())");
        foreach (string name in names)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"        {name[0] switch { 'n' => nameof(IConnection), 'c' => nameof(IChannel), _ => nameof(IConsumer) }} {name} = null!;");
        }

        foreach (Command command in script)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"        await StepAsync(async () => {{ {command.Code} }});");
        }

        return text.Append(difference)
            .AppendLine("    }").AppendLine()
            .AppendLine("    // An error is an answer, too.")
            .AppendLine("    private static async Task StepAsync(Func<Task> step)").AppendLine("    {")
            .AppendLine("        try").AppendLine("        {").AppendLine("            await step();").AppendLine("        }")
            .AppendLine("        catch (EmbeddedMqException error)").AppendLine("        {")
            .AppendLine("            TestContext.Current.TestOutputHelper?.WriteLine(error.Message);").AppendLine("        }")
            .AppendLine("    }").AppendLine("}").ToString();
    }

    [GeneratedRegex(@"(?<![\w""])[nck]\d+(?=\.| =)", RegexOptions.CultureInvariant)]
    private static partial Regex Variable();
}
