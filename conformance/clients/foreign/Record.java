// A record that nobody here wrote: the JPA server of HAPI FHIR over an H2
// database in memory, on a free port of this machine. All that stands here is
// its assembly; every request is answered, and every resource checked against
// R4, by HAPI FHIR.
//
// https://hapifhir.io/hapi-fhir/docs/server_jpa/introduction.html

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

public class Record {
  public static void main(String[] args) throws Exception {
    var spring = new AnnotationConfigApplicationContext(TestR4Config.class);
    var fhir = new RestfulServer(spring.getBean(FhirContext.class));
    fhir.registerProviders(spring.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
    fhir.registerProvider(spring.getBean(JpaSystemProvider.class));
    fhir.setDefaultResponseEncoding(EncodingEnum.JSON);

    // What is not R4 is refused with 422, whatever it comes in.
    var check = spring.getBean(RequestValidatingInterceptor.class);
    check.setFailOnSeverity(ResultSeverityEnum.ERROR);
    fhir.registerInterceptor(check);

    var server = new Server();
    var connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    var context = new ServletContextHandler();
    context.addServlet(new ServletHolder(fhir), "/fhir/*");
    server.setHandler(context);
    server.start();
    System.out.println("record serves http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
    // It ends with whoever started it, who holds the other end of this pipe.
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
