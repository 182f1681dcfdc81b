FROM eclipse-temurin:21-jdk AS build
WORKDIR /build
COPY mvnw pom.xml ./
COPY .mvn .mvn
RUN ./mvnw --batch-mode dependency:go-offline
COPY src src
ARG SKIP_TESTS=false
RUN ./mvnw --batch-mode package -DskipTests=${SKIP_TESTS} \
  && mkdir -p target/layers \
  && java -Djarmode=tools -jar target/*.jar extract --layers --launcher --destination target/layers

FROM eclipse-temurin:21-jre AS run
MAINTAINER Platform Team <platform@example.org>
ENV JAVA_TOOL_OPTIONS -XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError
ENV SPRING_PROFILES_ACTIVE=${PROFILE:-production}
WORKDIR opt/app
COPY --from=build /build/target/layers/dependencies/ ./
COPY --from=build /build/target/layers/spring-boot-loader/ ./
COPY --from=build /build/target/layers/snapshot-dependencies/ ./
COPY --from=build /build/target/layers/application/ ./
EXPOSE 8080 8443
HEALTHCHECK CMD curl --fail http://localhost:8080/actuator/health || exit 1
ENTRYPOINT exec java org.springframework.boot.loader.launch.JarLauncher
