namespace EmbeddedMq.Errors;

/// <summary>Compares the arguments of a declaration with those of the queue or exchange that exists under its name.</summary>
/// <remarks>Pure. Source: RabbitMQ, rabbit_misc:assert_args_equivalence and assert_field_equivalence.</remarks>
internal static class ArgumentEquivalence
{
    /// <summary>Finds the first difference.</summary>
    /// <param name="objectText">The object as texts name it, see <see cref="MqErrors.QueueIn"/> and <see cref="MqErrors.ExchangeIn"/>.</param>
    /// <param name="objectName">Its name.</param>
    /// <param name="current">The arguments that it exists with.</param>
    /// <param name="received">The arguments of the declaration.</param>
    /// <param name="names">The arguments to compare, in the order in which differences are reported; all others are ignored.</param>
    /// <returns>The error to throw, or <see langword="null"/> when they are equivalent.</returns>
    internal static ChannelException? FindDifference(
        string objectText, string objectName, HeaderTable current, HeaderTable received, ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            bool isSet = current.TryGetValue(name, out object? currentValue);
            bool isReceived = received.TryGetValue(name, out object? receivedValue);
            if (isSet && isReceived)
            {
                if (!ErlangTerm.AreEqual(currentValue, receivedValue))
                {
                    return MqErrors.InequivalentArgument(objectText, objectName, name, Quoted(receivedValue), Quoted(currentValue));
                }
            }
            else if (isSet != isReceived && !IsClassicByDefault(name, isSet ? currentValue : receivedValue))
            {
                return MqErrors.InequivalentArgument(
                    objectText, objectName, name, isReceived ? Typed(receivedValue) : "none", isSet ? Typed(currentValue) : "none");
            }
        }

        return null;
    }

    /// <summary>Finds a difference of a property such as <c>durable</c>.</summary>
    /// <param name="objectText">The object as texts name it.</param>
    /// <param name="objectName">Its name.</param>
    /// <param name="property">The property as AMQP spells it: <c>durable</c>, <c>auto_delete</c>, <c>internal</c>, <c>type</c>.</param>
    /// <param name="current">The value that it exists with.</param>
    /// <param name="received">The value of the declaration.</param>
    /// <returns>The error to throw, or <see langword="null"/> when they are equal.</returns>
    internal static ChannelException? FindDifference(string objectText, string objectName, string property, object current, object received)
        => current.Equals(received) ? null : MqErrors.InequivalentArgument(objectText, objectName, property, Quoted(received), Quoted(current));

    // A queue without a type is a classic queue, so saying so is no difference.
    private static bool IsClassicByDefault(string name, object? value) => name == QueueArgument.QueueType && value is "classic";

    private static string Quoted(object? value) => $"'{ErlangTerm.FormatBare(value)}'";

    private static string Typed(object? value) => $"the value '{ErlangTerm.FormatBare(value)}' of type '{ErlangTerm.TypeOf(value)}'";
}
